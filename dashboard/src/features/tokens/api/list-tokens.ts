import { pagedQuery } from "@/api/paging";
import type { Token } from "@/api/types";

export const tokensQuery = pagedQuery<Token>(["tokens"], "/tokens");
