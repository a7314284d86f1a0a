/** What an operator can do to an agent's life, as its state allows. */
import { useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { ArrowUpCircle, Pause, Play, Trash2 } from "lucide-react";
import { useId, useState } from "react";

import { useGuard } from "@/api/me";
import type { Agent } from "@/api/types";
import { ConfirmButton } from "@/components/confirm";

import { disableAgent, enableAgent, uninstallAgent, upgradeAgent, type Backlog } from "../api/lifecycle";
import { backlogText } from "../backlog";

const CHOICES: readonly (readonly [Backlog, string, string])[] = [
  ["replay", "Handle them", "every event that arrived in the meantime is worked through, oldest first"],
  ["skip", "Skip them", "only what arrives from now on counts; stored events stay"],
];

export function LifecycleButtons({ agent }: { agent: Agent }) {
  const queryClient = useQueryClient();
  const navigate = useNavigate();
  const id = useId();
  const guard = useGuard("operate");
  const [backlog, setBacklog] = useState<Backlog>("replay");
  const refresh = () => queryClient.invalidateQueries({ queryKey: ["agents"] });
  const uninstall = async () => {
    await uninstallAgent(agent.id);
    await navigate({ to: "/agents" });
    queryClient.removeQueries({ queryKey: ["agents", "detail", agent.id] });
    await refresh();
  };
  return (
    <>
      {agent.enabled ? (
        <ConfirmButton
          {...guard}
          question={`Disable ${agent.title}?`}
          verb="Disable"
          danger={false}
          icon={<Pause className="size-4" aria-hidden />}
          act={() => disableAgent(agent.id).then(refresh)}
        >
          <p>
            It finishes what it has in work and takes nothing new. Events and actions wait for it; none is
            lost.
          </p>
        </ConfirmButton>
      ) : (
        <ConfirmButton
          {...guard}
          variant="primary"
          question={`Enable ${agent.title}?`}
          verb="Enable"
          danger={false}
          icon={<Play className="size-4" aria-hidden />}
          act={() => enableAgent(agent.id, backlog).then(refresh)}
        >
          <fieldset className="flex flex-col gap-2">
            <legend className="mb-2">
              {backlogText(agent) ? `There are ${backlogText(agent)}.` : "Nothing is waiting for it now."}{" "}
              What of events that came while it rested?
            </legend>
            {CHOICES.map(([value, label, meaning]) => (
              <div key={value} className="flex items-start gap-2.5">
                <input
                  id={`${id}-${value}`}
                  type="radio"
                  name="backlog"
                  className="mt-0.5 size-4 accent-accent-fill"
                  checked={backlog === value}
                  onChange={() => setBacklog(value)}
                />
                <label htmlFor={`${id}-${value}`}>
                  <span className="font-medium">{label}</span>
                  <span className="block text-xs text-soft">{meaning}</span>
                </label>
              </div>
            ))}
          </fieldset>
        </ConfirmButton>
      )}
      <ConfirmButton
        {...guard}
        question={`Upgrade ${agent.title}?`}
        verb="Upgrade"
        danger={false}
        icon={<ArrowUpCircle className="size-4" aria-hidden />}
        act={() => upgradeAgent(agent.id).then(refresh)}
      >
        <p>
          The version of {agent.module} that is present now starts beside {agent.version}, and takes over once
          it is healthy. If it is not, {agent.version} stays.
        </p>
      </ConfirmButton>
      <ConfirmButton
        {...guard}
        question={`Uninstall ${agent.title}?`}
        verb="Uninstall"
        icon={<Trash2 className="size-4" aria-hidden />}
        act={uninstall}
      >
        <p>
          It stops, its credentials are revoked at once, and actions that wait for it are cancelled. Its past
          runs stay.
        </p>
      </ConfirmButton>
    </>
  );
}
