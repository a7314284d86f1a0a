/** What an agent is and wants, from its manifest; and who of it lives, from its heartbeats. */
import { Fragment } from "react";

import type { Agent } from "@/api/types";
import { Card, Facts } from "@/components/card";
import { duration, words } from "@/components/format";
import { StateBadge } from "@/components/state-badge";
import { Table } from "@/components/table";
import { Ago } from "@/components/time";

import { backlogText } from "../backlog";

export function Instances({ agent }: { agent: Agent }) {
  return (
    <Card title="Instances">
      {agent.instances.length === 0 ? (
        <p className="p-4 text-sm text-soft">None is alive.</p>
      ) : (
        <Table
          label="Instances"
          rows={agent.instances}
          rowKey={(instance) => instance.instance}
          columns={[
            {
              header: "Instance",
              grow: true,
              cell: (instance) => <code className="font-mono text-xs">{instance.instance}</code>,
            },
            { header: "State", cell: (instance) => <StateBadge state={instance.state} /> },
            { header: "Version", wide: true, cell: (instance) => instance.version },
            { header: "In work", numeric: true, cell: (instance) => instance.in_flight },
            { header: "Started", numeric: true, cell: (instance) => <Ago at={instance.started_at} /> },
          ]}
        />
      )}
    </Card>
  );
}

export function Permissions({ agent }: { agent: Agent }) {
  const { permissions, connections, requests } = agent.manifest;
  return (
    <Card title="What it asks for">
      {permissions.length + connections.length + requests.length === 0 ? (
        <p className="p-4 text-sm text-soft">Nothing outside the bus.</p>
      ) : (
        <Facts
          items={[
            ...permissions.map((permission): [string, string] => [permission.name, permission.reason]),
            ...(connections.length ? [["connections", connections.join(", ")] as [string, string]] : []),
            ...(requests.length ? [["may ask for", requests.join(", ")] as [string, string]] : []),
          ]}
        />
      )}
    </Card>
  );
}

export function AgentFacts({ agent }: { agent: Agent }) {
  const { manifest } = agent;
  return (
    <Card title="About">
      <Facts
        items={[
          ["Version", `${agent.version} (${manifest.maturity})`],
          ["Owner", manifest.owner],
          ["Runtime", agent.runtime],
          [
            "Package",
            <code key="module" className="font-mono text-xs">
              {agent.module}
            </code>,
          ],
          ["Waiting", backlogText(agent) || "nothing"],
          ["Installed", <Ago key="installed" at={agent.installed_at} />],
          ...(manifest.subscriptions.length
            ? [
                [
                  "Listens to",
                  <Lines
                    key="types"
                    lines={[...new Set(manifest.subscriptions.flatMap((subscription) => subscription.types))]}
                  />,
                ] as [string, React.ReactNode],
              ]
            : []),
          ...(manifest.schedules.length
            ? [
                [
                  "Schedules",
                  <Lines
                    key="schedules"
                    lines={manifest.schedules.map(
                      (schedule) => `${words(schedule.name)}, every ${duration(schedule.every)}`,
                    )}
                  />,
                ] as [string, React.ReactNode],
              ]
            : []),
          ...(manifest.emits.length
            ? [["Emits", <Lines key="emits" lines={manifest.emits} />] as [string, React.ReactNode]]
            : []),
        ]}
      />
    </Card>
  );
}

function Lines({ lines }: { lines: string[] }) {
  return (
    <ul>
      {lines.map((line) => (
        <li key={line} className="text-xs leading-5 [overflow-wrap:anywhere]">
          <BreakAtDots text={line} />
        </li>
      ))}
    </ul>
  );
}

/** A dotted name that may go on in the next line after a dot. */
function BreakAtDots({ text }: { text: string }) {
  return text.split(/(?<=\.)/).map((part, index) => (
    <Fragment key={index}>
      <wbr />
      {part}
    </Fragment>
  ));
}
