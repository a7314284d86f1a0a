import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { OctagonX } from "lucide-react";

import { killSwitchesQuery } from "../api/guards";

/** On every page while a kill switch is thrown, so that nobody wonders why nothing happens. */
export function StoppedBanner() {
  const { data } = useQuery(killSwitchesQuery);
  if (!data?.length) return null;
  const all = data.find(({ agent }) => agent === "*");
  return (
    <p
      role="status"
      className="flex flex-wrap items-center gap-x-2 gap-y-1 bg-bad-fill px-4 py-2 text-sm text-white"
    >
      <OctagonX className="size-4 shrink-0" aria-hidden />
      <strong className="font-semibold">
        {all ? "Every agent is stopped" : `Stopped: ${data.map(({ agent }) => agent).join(", ")}`}
      </strong>
      {(all ?? data[0])?.reason && <span className="min-w-0 break-words">“{(all ?? data[0])?.reason}”</span>}
      <Link to="/guards" className="ml-auto underline">
        Kill switches
      </Link>
    </p>
  );
}
