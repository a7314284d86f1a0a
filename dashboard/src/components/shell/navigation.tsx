/** The left navigation: fixed pages, and a tab for every installed agent, as its manifest names it. */
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Activity, Boxes, Cable, KeyRound, LayoutDashboard, ListVideo, Package } from "lucide-react";

import { agentsQuery } from "@/features/agents/api/list-agents";

import { StateDot } from "../state-badge";

const ITEM =
  "flex items-center gap-2.5 rounded-md px-2.5 py-1.5 text-sm text-soft hover:bg-hover hover:text-text aria-[current=page]:bg-accent-tint aria-[current=page]:font-medium aria-[current=page]:text-accent";

const PAGES = [
  { to: "/", label: "Overview", icon: LayoutDashboard, exact: true },
  { to: "/runs", label: "Runs", icon: ListVideo, exact: false },
  { to: "/events", label: "Events", icon: Activity, exact: false },
  { to: "/connections", label: "Connections", icon: Cable, exact: false },
  { to: "/artifacts", label: "Artifacts", icon: Package, exact: false },
  { to: "/tokens", label: "Tokens", icon: KeyRound, exact: false },
] as const;

export function Navigation({ onNavigate }: { onNavigate?: () => void }) {
  const agents = useQuery(agentsQuery);
  return (
    <nav aria-label="Main" className="flex flex-col gap-5">
      <ul className="flex flex-col gap-0.5">
        {PAGES.map(({ to, label, icon: Icon, exact }) => (
          <li key={to}>
            <Link
              to={to}
              activeOptions={{ exact, includeSearch: false }}
              onClick={onNavigate}
              className={ITEM}
            >
              <Icon className="size-4 shrink-0" aria-hidden />
              {label}
            </Link>
          </li>
        ))}
      </ul>
      <div>
        <h2 className="px-2.5 pb-1 text-xs font-medium text-soft" id="nav-agents">
          Agents
        </h2>
        <ul aria-labelledby="nav-agents" className="flex flex-col gap-0.5">
          <li>
            <Link to="/agents" activeOptions={{ exact: true }} onClick={onNavigate} className={ITEM}>
              <Boxes className="size-4 shrink-0" aria-hidden />
              All agents
            </Link>
          </li>
          {agents.data?.map((agent) => (
            <li key={agent.id}>
              <Link
                to="/agents/$agentId"
                params={{ agentId: agent.id }}
                onClick={onNavigate}
                className={ITEM}
                data-agent={agent.id}
              >
                <span className="grid size-4 shrink-0 place-items-center">
                  <StateDot state={agent.state} />
                </span>
                <span className="min-w-0 flex-1 truncate">{agent.title}</span>
                {agent.state !== "enabled" && <span className="text-2xs text-soft">{agent.state}</span>}
              </Link>
            </li>
          ))}
        </ul>
      </div>
    </nav>
  );
}
