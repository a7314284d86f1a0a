import { send, url } from "@/api/client";
import type { Artifact } from "@/api/types";
import { save } from "@/components/download";

/** Saves an artifact's bytes. It passes through the page, because a plain link would carry no token. */
export async function downloadArtifact(artifact: Artifact): Promise<void> {
  const response = await send(url(`/artifacts/${artifact.id}/content`));
  save(await response.blob(), artifact.name.split("/").pop() ?? artifact.name);
}
