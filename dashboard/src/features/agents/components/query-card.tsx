import { useMutation } from "@tanstack/react-query";
import { Search } from "lucide-react";

import type { Agent, JsonObject, QuerySpec } from "@/api/types";
import { Button } from "@/components/button";
import { Card } from "@/components/card";
import { duration } from "@/components/format";
import { JsonView } from "@/components/json-view";
import { Prose } from "@/components/prose";
import { SchemaForm } from "@/components/schema-form/schema-form";

import { runQuery } from "../api/run-query";

/** One read of an agent, to try. */
export function QueryCard({ agent, query }: { agent: Agent; query: QuerySpec }) {
  const ask = useMutation({ mutationFn: (input: JsonObject) => runQuery(agent.id, query.name, input) });
  return (
    <Card
      title={
        <>
          {query.title}{" "}
          <code className="ml-1 font-mono text-xs font-normal text-soft">{`${agent.id}.${query.name}`}</code>
        </>
      }
      actions={
        <span className="text-xs text-soft">
          {query.cache === "PT0S" ? "never cached" : `cached ${duration(query.cache)}`}
        </span>
      }
    >
      <div className="flex flex-col gap-4 p-4">
        {query.description && (
          <p className="text-sm text-soft">
            <Prose text={query.description} />
          </p>
        )}
        <SchemaForm
          schema={query.input_schema}
          problem={ask.error}
          onSubmit={(input) => ask.mutate(input)}
          actions={
            <Button type="submit" busy={ask.isPending} icon={<Search className="size-4" aria-hidden />}>
              Ask
            </Button>
          }
        />
        {ask.data && (
          <div>
            <p className="mb-1 text-xs text-soft">
              {ask.data.cached
                ? `From the cache, ${ask.data.age_seconds.toFixed(1)} s old`
                : "Answered just now"}
            </p>
            <JsonView value={ask.data.output} label="answer" className="max-h-[32rem] overflow-auto" />
          </div>
        )}
      </div>
    </Card>
  );
}
