/** A new version being written: checked while it is typed, its cases run, the past asked again; then kept as a draft. */
import { keepPreviousData, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useBlocker, useNavigate } from "@tanstack/react-router";
import { CircleCheck, History, LoaderCircle, Save } from "lucide-react";
import { useState } from "react";

import { useGuard } from "@/api/me";
import type { PolicyWhole } from "@/api/types";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { CodeEditor } from "@/components/code-editor/code-editor";
import { asProblem, ProblemNotice } from "@/components/feedback";
import { Field, Input } from "@/components/field";
import { useSettled } from "@/components/use-settled";

import { draftPolicies, replayPolicies, validatePolicies } from "../api/change-policies";
import { casesText, parseCases } from "../cases";
import { faultLines } from "../faults";
import { CaseReportView } from "./case-report";
import { CasesEditor } from "./cases-editor";
import { ReplayView } from "./replay-view";
import { RuleList } from "./rule-list";

const SETTLE_MS = 400;
const LAST = 500;

export function PolicyEditor({ from }: { from: PolicyWhole }) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const mayWrite = useGuard("write");
  const mayKeep = useGuard("operate");
  const [text, setText] = useState(from.text);
  const [casesJson, setCases] = useState(() => casesText(from.cases));
  const [note, setNote] = useState("");
  const changed = text !== from.text || casesJson !== casesText(from.cases);
  const { cases } = parseCases(casesJson);
  const settled = useSettled(JSON.stringify([text, cases ?? []]), SETTLE_MS);
  const check = useQuery({
    queryKey: ["policies", "check", settled],
    queryFn: () => validatePolicies(...(JSON.parse(settled) as Parameters<typeof validatePolicies>)),
    enabled: !mayWrite.disabled,
    placeholderData: keepPreviousData,
    staleTime: Infinity,
    gcTime: 0,
    retry: false,
  });
  const faults = check.isError ? asProblem(check.error).errors : [];
  const replay = useMutation({ mutationFn: () => replayPolicies({ text }, LAST) });
  const keep = useMutation({
    mutationFn: () => draftPolicies({ text, note: note.trim(), cases: cases ?? [] }),
    onSuccess: async (made) => {
      await queryClient.invalidateQueries({ queryKey: ["policies", "list"] });
      await navigate({
        to: "/policies/$version",
        params: { version: String(made.version) },
        ignoreBlocker: true,
      });
    },
  });
  useBlocker({
    shouldBlockFn: () => !window.confirm("Leave, and lose what you have written?"),
    enableBeforeUnload: () => changed && !keep.isSuccess,
    disabled: !changed || keep.isSuccess,
  });
  const waiting = check.isFetching || settled !== JSON.stringify([text, cases ?? []]);
  return (
    <div className="grid gap-4 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
      <Card
        title="Policies in Cedar"
        actions={
          <span role="status" className="inline-flex items-center gap-1.5 text-xs text-soft">
            {waiting ? (
              <>
                <LoaderCircle className="size-3.5 animate-spin" aria-hidden /> checking
              </>
            ) : check.isError ? (
              <span className="text-bad">not valid</span>
            ) : (
              check.data && (
                <>
                  <CircleCheck className="size-3.5 text-ok" aria-hidden /> valid
                </>
              )
            )}
          </span>
        }
      >
        <div className="p-3">
          <CodeEditor
            value={text}
            onChange={(value) => {
              setText(value);
              replay.reset();
            }}
            language="cedar"
            label="Policies"
            marked={faultLines(text, faults)}
            className="h-[28rem] xl:h-[clamp(20rem,calc(100dvh-22rem),40rem)]"
          />
        </div>
        {check.isError && !waiting && <ProblemNotice error={check.error} />}
      </Card>
      <div className="flex min-w-0 flex-col gap-4">
        <Card title="Keep as a new version">
          <form
            className="flex flex-col gap-3 p-4"
            onSubmit={(event) => {
              event.preventDefault();
              keep.mutate();
            }}
          >
            <Field label="What the change is for" hint="It decides nothing until it is activated.">
              {(wiring) => (
                <Input
                  {...wiring}
                  value={note}
                  maxLength={1000}
                  onChange={(event) => setNote(event.target.value)}
                />
              )}
            </Field>
            {keep.isError && <ProblemNotice error={keep.error} compact />}
            <div className="flex flex-wrap justify-end gap-2">
              <Button
                {...mayWrite}
                busy={replay.isPending}
                onClick={() => replay.mutate()}
                icon={<History className="size-4" aria-hidden />}
              >
                Replay the last {LAST}
              </Button>
              <Button
                type="submit"
                variant="primary"
                title={mayKeep.title}
                disabled={mayKeep.disabled || waiting || check.isError || !cases}
                busy={keep.isPending}
                icon={<Save className="size-4" aria-hidden />}
              >
                Keep draft
              </Button>
            </div>
          </form>
          {replay.isError && <ProblemNotice error={replay.error} />}
          {replay.data && (
            <div className="border-t border-line">
              <ReplayView report={replay.data} />
            </div>
          )}
        </Card>
        <Card title="Test cases">
          <CasesEditor value={casesJson} onChange={setCases} />
          {check.data?.report && !check.isError && <CaseReportView report={check.data.report} />}
        </Card>
        {check.data && !check.isError && (
          <Card title="What it says">
            <RuleList rules={check.data.rules} />
          </Card>
        )}
      </div>
    </div>
  );
}
