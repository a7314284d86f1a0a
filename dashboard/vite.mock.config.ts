import { mergeConfig } from "vite";

import { mockApi } from "./src/mocks/vite-plugin";
import config from "./vite.config";

/** `npm run mock`: the page with hot reload, without a stack. Sign in with the token `mock`. */
export default mergeConfig({ ...config, server: {} }, { plugins: [mockApi()] });
