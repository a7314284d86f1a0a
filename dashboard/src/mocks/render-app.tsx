/** The whole page over real HTTP to a mock server of its own, for tests of what spans pages. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { onTestFinished } from "vitest";

import { endSession, startSession } from "../api/session";
import { App } from "../app/app";
import { createQueryClient } from "../app/query-client";
import { createMockApi, MOCK_TOKEN } from "./server";
import { createMockState, type MockState } from "./state";

declare global {
  interface Window {
    happyDOM: { setURL: (address: string) => void };
  }
}

export async function renderApp(path: string, change: (state: MockState) => void = () => undefined) {
  const state = createMockState();
  change(state);
  const handle = createMockApi(state);
  const server = createServer((request, response) => void handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  window.happyDOM.setURL(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
  startSession(MOCK_TOKEN);
  const view = render(<App queryClient={createQueryClient()} />);
  onTestFinished(() => {
    endSession("signed-out");
    view.unmount();
    server.closeAllConnections();
    server.close();
  });
  return { state, user: userEvent.setup() };
}
