import type { Plugin } from "vite";

import { createMockApi } from "./server";

/** Answers the API of the development server from memory. */
export function mockApi(): Plugin {
  return {
    name: "opsrail-mock-api",
    configureServer(server) {
      const handle = createMockApi();
      server.middlewares.use((request, response, next) => void handle(request, response, next).catch(next));
    },
  };
}
