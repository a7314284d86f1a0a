import { fileURLToPath } from "node:url";

import tailwindcss from "@tailwindcss/vite";
import { tanstackRouter } from "@tanstack/router-plugin/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const orchestrator = process.env.OPSRAIL_URL ?? "http://127.0.0.1:8787";

export default defineConfig({
  plugins: [
    // In one piece: every page then opens while the orchestrator is away, or is another version by now.
    tanstackRouter({ target: "react", autoCodeSplitting: false, quoteStyle: "double", semicolons: true }),
    react(),
    tailwindcss(),
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
    testTimeout: 60_000,
  },
});
