import { queryOptions } from "@tanstack/react-query";

import { api } from "@/api/client";
import { pagedQuery } from "@/api/paging";
import type {
  IdentityProvider,
  Invitation,
  InvitationCreated,
  Machine,
  MachineWithSecret,
  Member,
  OwnSession,
  Role,
  Scope,
} from "@/api/types";

export const membersQuery = pagedQuery<Member>(["people", "members"], "/members", {}, 200);
export const changeMember = (id: string, body: { roles?: string[]; suspended?: boolean }) =>
  api.patch<Member>(`/members/${id}`, body);
export const removeMember = (id: string) => api.delete(`/members/${id}`);

export const invitationsQuery = pagedQuery<Invitation>(["people", "invitations"], "/invitations");
export const invite = (body: { email: string; roles: string[] }) =>
  api.post<InvitationCreated>("/invitations", body);
export const revokeInvitation = (id: string) => api.delete(`/invitations/${id}`);

export const rolesQuery = queryOptions({
  queryKey: ["people", "roles"],
  queryFn: async ({ signal }) => (await api.get<{ items: Role[] }>("/roles", {}, signal)).items,
});
export const putRole = (name: string, body: { title: string; scopes: Scope[]; parent: string | null }) =>
  api.put<Role>(`/roles/${name}`, body);
export const removeRole = (name: string) => api.delete(`/roles/${name}`);

export const machinesQuery = pagedQuery<Machine>(["people", "machines"], "/machines");
export const createMachine = (body: { name: string; roles: string[] }) =>
  api.post<MachineWithSecret>("/machines", body);
export const rotateMachine = (id: string) => api.post<MachineWithSecret>(`/machines/${id}/rotate`);
export const revokeMachine = (id: string) => api.delete(`/machines/${id}`);

export const providersQuery = queryOptions({
  queryKey: ["people", "providers"],
  queryFn: async ({ signal }) =>
    (await api.get<{ items: IdentityProvider[] }>("/identity-providers", {}, signal)).items,
});
export const createProvider = (body: {
  name: string;
  title: string;
  issuer: string;
  client_id: string;
  client_secret: string | null;
  default_roles: string[];
}) => api.post<IdentityProvider>("/identity-providers", body);
export const switchProvider = (id: string, enabled: boolean) =>
  api.patch<IdentityProvider>(`/identity-providers/${id}`, { enabled });
export const removeProvider = (id: string) => api.delete(`/identity-providers/${id}`);

export const sessionsQuery = pagedQuery<OwnSession>(["people", "sessions"], "/sessions");
export const endOwnSession = (id: string) => api.delete(`/sessions/${id}`);
