import type { Artifact } from "../api/types";

export function createFakeArtifact(overrides: Partial<Artifact> = {}): Artifact {
  return {
    id: crypto.randomUUID(),
    run_id: "00000000-0000-4000-8000-000000000001",
    name: "shop-1.4.0-py3-none-any.whl",
    media_type: "application/zip",
    size: 182_431,
    digest: `sha256:${"4b1f".repeat(16)}`,
    stored_at: new Date(Date.now() - 120_000).toISOString(),
    expires_at: new Date(Date.now() + 30 * 86_400_000).toISOString(),
    ...overrides,
  };
}
