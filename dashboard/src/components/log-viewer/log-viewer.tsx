/** A log of any length, live: only the rows in sight are in the page. */
import { useVirtualizer } from "@tanstack/react-virtual";
import { ArrowDownToLine, ChevronDown, ChevronRight, ChevronUp, Clock, Download } from "lucide-react";
import { useEffect, useMemo, useRef, useState } from "react";

import type { LogLine } from "@/api/types";

import { Button } from "../button";
import { CopyButton } from "../copy-button";
import { cx } from "../cx";
import { save } from "../download";
import { Input } from "../field";
import { span } from "../format";
import { stripAnsi } from "./ansi";
import { LogLineRow } from "./log-line";
import { buildRows, type Row } from "./rows";

const ROW_PX = 20;
const NEAR_END_PX = 40;
const NOTHING_FOLDED: ReadonlySet<string> = new Set();

/**
 * @param live more lines may come.
 * @param fromEnd begin at the last line, and stay there until someone scrolls away.
 */
export function LogViewer({
  lines,
  live,
  fromEnd,
  name,
}: {
  lines: readonly LogLine[];
  live: boolean;
  fromEnd: boolean;
  name: string;
}) {
  "use no memo";
  const box = useRef<HTMLDivElement>(null);
  const top = useRef(0);
  const [folded, setFolded] = useState<ReadonlySet<string>>(NOTHING_FOLDED);
  const [search, setSearch] = useState("");
  const [hit, setHit] = useState(0);
  const [times, setTimes] = useState(false);
  const [follow, setFollow] = useState(fromEnd);
  const rows = useMemo(() => buildRows(lines, search ? NOTHING_FOLDED : folded), [lines, folded, search]);
  const hits = useMemo(() => findHits(rows, search), [rows, search]);
  // A virtualiser hands out functions that change their answers, which is why this component opts out of memoising.
  // eslint-disable-next-line react-hooks/incompatible-library
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => box.current,
    estimateSize: () => ROW_PX,
    getItemKey: (index) => rows[index]?.key ?? index,
    overscan: 20,
  });

  useEffect(() => {
    if (follow && rows.length && !isSelecting(box.current))
      virtual.scrollToIndex(rows.length - 1, { align: "end" });
  }, [follow, rows.length, virtual]);

  const showHit = (index: number) => {
    const next = hits.length ? (index + hits.length) % hits.length : 0;
    setHit(next);
    setFollow(false);
    const row = hits[next];
    if (row !== undefined) virtual.scrollToIndex(row, { align: "center" });
  };
  const toggle = (key: string) =>
    setFolded((old) =>
      old.has(key) ? new Set([...old].filter((one) => one !== key)) : new Set([...old, key]),
    );
  const text = () => lines.map((line) => stripAnsi(line.text)).join("\n");

  return (
    <div className="flex min-h-0 flex-col">
      <div className="flex flex-wrap items-center gap-2 border-b border-line px-3 py-2">
        <form
          role="search"
          className="flex min-w-0 flex-1 basis-full items-center gap-1 sm:basis-0"
          onSubmit={(event) => {
            event.preventDefault();
            showHit(hit + 1);
          }}
        >
          <Input
            type="search"
            aria-label="Search the log"
            placeholder="Search"
            value={search}
            onChange={(event) => {
              setSearch(event.target.value);
              setHit(-1);
            }}
            className="max-w-64"
          />
          {search && (
            <>
              <span className="px-1 text-xs whitespace-nowrap text-soft tabular-nums" role="status">
                {hits.length === 0 ? "no match" : `${Math.max(hit + 1, 0)}/${hits.length}`}
              </span>
              <Button
                variant="quiet"
                aria-label="Previous match"
                disabled={!hits.length}
                onClick={() => showHit(hit - 1)}
                icon={<ChevronUp className="size-4" aria-hidden />}
              />
              <Button
                type="submit"
                variant="quiet"
                aria-label="Next match"
                disabled={!hits.length}
                icon={<ChevronDown className="size-4" aria-hidden />}
              />
            </>
          )}
        </form>
        <Button
          variant="quiet"
          aria-pressed={times}
          aria-label="Show times"
          title="Show times"
          className={cx("max-sm:hidden", times && "bg-hover text-text")}
          onClick={() => setTimes(!times)}
          icon={<Clock className="size-4" aria-hidden />}
        />
        <Button
          variant="quiet"
          aria-pressed={follow}
          className={follow ? "bg-hover text-text" : undefined}
          onClick={() => setFollow(!follow)}
          icon={<ArrowDownToLine className="size-4" aria-hidden />}
        >
          Follow
        </Button>
        {lines.length > 0 && <CopyButton text={text()} label="Copy the log" className="size-8" />}
        <Button
          variant="quiet"
          aria-label="Download the log"
          title="Download the log"
          disabled={!lines.length}
          onClick={() => save(new Blob([text()], { type: "text/plain" }), `${name}.log`)}
          icon={<Download className="size-4" aria-hidden />}
        />
      </div>
      <div
        ref={box}
        role="log"
        aria-label="Log"
        aria-live="off"
        // A scrolling region has to be reachable by keyboard.
        // eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex
        tabIndex={0}
        onScroll={(event) => {
          const { scrollTop, scrollHeight, clientHeight } = event.currentTarget;
          const upwards = scrollTop < top.current;
          const atEnd = scrollHeight - scrollTop - clientHeight < NEAR_END_PX;
          top.current = scrollTop;
          // By wheel, keys, touch or the bar alike: whoever goes up reads there, whoever comes back to the end follows.
          if (upwards && !atEnd) setFollow(false);
          else if (!upwards && atEnd && live && !search) setFollow(true);
        }}
        className="max-h-[max(28rem,calc(100dvh-24rem))] overflow-auto bg-sunken py-2 font-mono text-xs leading-5"
      >
        <div className="relative w-full" style={{ height: virtual.getTotalSize() }}>
          {virtual.getVirtualItems().map((item) => {
            const row = rows[item.index];
            return (
              row && (
                <div
                  key={item.key}
                  ref={virtual.measureElement}
                  data-index={item.index}
                  className={cx("absolute inset-x-0 top-0", hits[hit] === item.index && "bg-accent-tint")}
                  style={{ transform: `translateY(${item.start}px)` }}
                >
                  <LogRow row={row} search={search} times={times} toggle={toggle} />
                </div>
              )
            );
          })}
        </div>
      </div>
    </div>
  );
}

function LogRow({
  row,
  search,
  times,
  toggle,
}: {
  row: Row;
  search: string;
  times: boolean;
  toggle: (key: string) => void;
}) {
  if (row.kind === "line") return <LogLineRow line={row.line} search={search} times={times} />;
  if (row.kind === "attempt")
    return (
      <div className="px-3 pt-2 pb-1 font-sans text-xs font-semibold text-warn">Attempt {row.attempt}</div>
    );
  const Chevron = row.open ? ChevronDown : ChevronRight;
  return (
    <button
      type="button"
      aria-expanded={row.open}
      onClick={() => toggle(row.key)}
      className="flex w-full items-center gap-2 px-3 py-0.5 text-left font-sans text-xs hover:bg-hover"
    >
      <Chevron className="size-3.5 shrink-0 text-soft" aria-hidden />
      <span className="font-semibold">{row.step}</span>
      <span className="text-soft">
        {row.count} {row.count === 1 ? "line" : "lines"} · {span(Date.parse(row.from), Date.parse(row.to))}
      </span>
    </button>
  );
}

/** Whether somebody marks a part of it, which must not run away from them. */
function isSelecting(element: Element | null): boolean {
  const selection = document.getSelection();
  return selection?.type === "Range" && Boolean(element?.contains(selection.anchorNode));
}

function findHits(rows: Row[], search: string): number[] {
  if (!search) return [];
  const wanted = search.toLowerCase();
  return rows.flatMap((row, index) =>
    row.kind === "line" && stripAnsi(row.line.text).toLowerCase().includes(wanted) ? [index] : [],
  );
}
