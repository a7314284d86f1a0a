/** The left navigation: fixed pages, and a tab for every installed agent, as its manifest names it. */
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import {
  Activity,
  Boxes,
  Cable,
  CircleCheckBig,
  Gavel,
  KeyRound,
  LayoutDashboard,
  ListVideo,
  Package,
  ScrollText,
  ShieldCheck,
  TriangleAlert,
  Users,
} from "lucide-react";

import { agentsQuery } from "@/features/agents/api/list-agents";
import { approvalsQuery } from "@/features/approvals/api/list-approvals";

import { StateDot } from "../state-badge";

const ITEM =
  "flex items-center gap-2.5 rounded-md px-2.5 py-1.5 text-sm text-soft hover:bg-hover hover:text-text aria-[current=page]:bg-accent-tint aria-[current=page]:font-medium aria-[current=page]:text-accent";

type Item = {
  to: string;
  label: string;
  icon: typeof Activity;
  exact?: boolean;
};

const PAGES: readonly Item[] = [
  { to: "/", label: "Overview", icon: LayoutDashboard, exact: true },
  { to: "/runs", label: "Runs", icon: ListVideo },
  { to: "/approvals", label: "Approvals", icon: CircleCheckBig },
  { to: "/events", label: "Events", icon: Activity },
  { to: "/connections", label: "Connections", icon: Cable },
  { to: "/artifacts", label: "Artifacts", icon: Package },
];
const TRUST: readonly Item[] = [
  { to: "/policies", label: "Policies", icon: ShieldCheck },
  { to: "/decisions", label: "Decisions", icon: Gavel },
  { to: "/guards", label: "Guards", icon: TriangleAlert },
  { to: "/audit", label: "Audit", icon: ScrollText },
  { to: "/people", label: "People", icon: Users },
  { to: "/tokens", label: "Tokens", icon: KeyRound },
];

export function Navigation({ onNavigate }: { onNavigate?: () => void }) {
  const agents = useQuery(agentsQuery);
  return (
    <nav aria-label="Main" className="flex flex-col gap-5">
      <ul className="flex flex-col gap-0.5">
        {PAGES.map((item) => (
          <NavItem key={item.to} item={item} onNavigate={onNavigate} />
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
      <div>
        <h2 className="px-2.5 pb-1 text-xs font-medium text-soft" id="nav-trust">
          Trust
        </h2>
        <ul aria-labelledby="nav-trust" className="flex flex-col gap-0.5">
          {TRUST.map((item) => (
            <NavItem key={item.to} item={item} onNavigate={onNavigate} />
          ))}
        </ul>
      </div>
    </nav>
  );
}

function NavItem({ item, onNavigate }: { item: Item; onNavigate?: () => void }) {
  const { to, label, icon: Icon, exact = false } = item;
  return (
    <li>
      <Link to={to} activeOptions={{ exact, includeSearch: false }} onClick={onNavigate} className={ITEM}>
        <Icon className="size-4 shrink-0" aria-hidden />
        {label}
        {to === "/approvals" && <Waiting />}
      </Link>
    </li>
  );
}

/** How many approvals wait. */
function Waiting() {
  const { data } = useInfiniteQuery(approvalsQuery({ state: "pending" }));
  const first = data?.pages[0];
  if (!first?.items.length) return null;
  const count = first.next ? `${first.items.length}+` : first.items.length;
  return (
    <span className="ml-auto rounded-full bg-warn-tint px-1.5 text-2xs font-semibold text-warn">
      <span className="sr-only">, </span>
      {count}
      <span className="sr-only"> waiting</span>
    </span>
  );
}
