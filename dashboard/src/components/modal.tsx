import { X } from "lucide-react";
import { useEffect, useId, useRef, type ReactNode } from "react";

import { Button } from "./button";
import { cx } from "./cx";

/**
 * A native modal dialog: focus stays inside, Escape closes, focus returns to where it was.
 * `side` makes it a drawer on the right edge.
 */
export function Modal({
  title,
  onClose,
  side = false,
  children,
  footer,
}: {
  title: ReactNode;
  onClose: () => void;
  side?: boolean;
  children: ReactNode;
  footer?: ReactNode;
}) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current;
    element?.showModal();
    return () => element?.close();
  }, []);
  return (
    // A click on the dialog itself is one on its backdrop; the keyboard has Escape.
    // eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions, jsx-a11y/click-events-have-key-events
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      // Only where nothing is filled in: a slip of the mouse must not lose a form.
      onClick={(event) => side && event.target === dialog.current && onClose()}
      className={cx(
        "flex-col overflow-hidden border border-line bg-surface p-0 shadow-xl open:flex",
        side
          ? "my-0 mr-0 ml-auto h-dvh max-h-none w-full max-w-2xl"
          : "m-auto w-full max-w-lg rounded-lg max-sm:max-w-[calc(100vw-1.5rem)]",
      )}
    >
      <header className="flex items-center justify-between gap-3 border-b border-line py-2 pr-2 pl-4">
        <h2 id={id} className={cx("min-w-0 text-sm font-semibold", side ? "truncate" : "break-words")}>
          {title}
        </h2>
        <Button
          variant="quiet"
          aria-label="Close"
          onClick={onClose}
          icon={<X className="size-4" aria-hidden />}
        />
      </header>
      <div className="min-h-0 flex-1 overflow-auto p-4">{children}</div>
      {footer && <footer className="flex justify-end gap-2 border-t border-line px-4 py-3">{footer}</footer>}
    </dialog>
  );
}
