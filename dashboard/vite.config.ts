import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

import tailwindcss from "@tailwindcss/vite";
import { tanstackRouter } from "@tanstack/router-plugin/vite";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const orchestrator = process.env.OPSRAIL_URL ?? "http://127.0.0.1:8787";

/** Each script and style once more, compressed: the orchestrator sends what the browser takes. */
const compressed: Plugin = {
  name: "opsrail-compressed",
  apply: "build",
  writeBundle({ dir = "" }) {
    const assets = `${dir}/assets`;
    for (const name of readdirSync(assets).filter((file) => /\.(js|css)$/.test(file)))
      writeFileSync(`${assets}/${name}.gz`, gzipSync(readFileSync(`${assets}/${name}`), { level: 9 }));
  },
};

export default defineConfig({
  plugins: [
    // In one piece: every page then opens while the orchestrator is away, or is another version by now.
    tanstackRouter({ target: "react", autoCodeSplitting: false, quoteStyle: "double", semicolons: true }),
    react(),
    tailwindcss(),
    compressed,
  ],
  resolve: { alias: { "@": here("./src") } },
  build: {
    outDir: here("../orchestrator/src/opsrail/static"),
    emptyOutDir: true,
    // An inlined asset would be a data: URL, which the content security policy refuses for scripts and styles.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 1000,
    modulePreload: { polyfill: false },
  },
  server: { proxy: { "/v1": orchestrator, "/readyz": orchestrator, "/healthz": orchestrator } },
  test: {
    environment: "happy-dom",
    environmentOptions: { happyDOM: { settings: { fetch: { disableSameOriginPolicy: true } } } },
    setupFiles: ["./src/mocks/test-setup.ts"],
    include: ["src/**/*.test.{ts,tsx}"],
    restoreMocks: true,
    testTimeout: 240_000,
    hookTimeout: 60_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
