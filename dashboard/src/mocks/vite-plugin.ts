import type { Plugin } from "vite";

import { createMockApi } from "./server";

/** `npm run mock`: the page with hot reload, answered by the mock server. Sign in with the token `mock`. */
export function mockApi(): Plugin {
  return {
    name: "opsrail-mock-api",
    configureServer(server) {
      const handle = createMockApi();
      server.middlewares.use((request, response, next) => void handle(request, response, next).catch(next));
    },
  };
}
