import { Plus } from "lucide-react";

import { Button } from "@/components/button";
import { CodeEditor } from "@/components/code-editor/code-editor";
import { outcomeWord } from "@/features/decisions/outcomes";

import { parseCases, withCase } from "../cases";

const OUTCOMES = ["permit", "approval", "deny"] as const;

export function CasesEditor({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { fault } = parseCases(value);
  return (
    <div className="flex flex-col gap-2 p-4">
      <div className="flex flex-wrap items-center gap-2">
        <span className="text-sm text-soft">Add a case that is</span>
        {OUTCOMES.map((outcome) => (
          <Button
            key={outcome}
            disabled={fault !== null}
            onClick={() => onChange(withCase(value, outcome))}
            icon={<Plus className="size-4" aria-hidden />}
          >
            {outcomeWord(outcome)}
          </Button>
        ))}
      </div>
      {value.trim() === "" ? (
        <p className="text-sm text-soft">
          A case says who wants what, and which outcome is expected. A version needs at least one, and all
          have to pass before it may be activated.
        </p>
      ) : (
        <CodeEditor
          value={value}
          onChange={onChange}
          language="json"
          label="Test cases, as JSON"
          className="max-h-80"
        />
      )}
      {fault && (
        <p role="alert" className="text-xs text-bad">
          {fault}
        </p>
      )}
    </div>
  );
}
