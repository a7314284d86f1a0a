import { Tag, toneOf } from "@/components/state-badge";

import { outcomeWord } from "../outcomes";

export function OutcomeBadge({ outcome }: { outcome: string }) {
  return <Tag tone={toneOf(outcome)}>{outcomeWord(outcome)}</Tag>;
}
