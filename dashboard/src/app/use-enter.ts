import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useRouter } from "@tanstack/react-router";

/** Begin a session, forget what another one showed, and go to `to`. */
export function useEnter<Input>(to: string, begin: (input: Input) => Promise<unknown>) {
  const router = useRouter();
  const queryClient = useQueryClient();
  return useMutation({
    mutationFn: async (input: Input) => {
      queryClient.clear();
      await begin(input);
      await router.navigate({ to, replace: true });
    },
  });
}
