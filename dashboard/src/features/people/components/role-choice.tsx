import { useQuery } from "@tanstack/react-query";

import { rolesQuery } from "../api/people";

/** Check boxes named `roles`, one per role of the organisation. */
export function RoleChoice({ chosen = [], legend = "Roles" }: { chosen?: string[]; legend?: string }) {
  const roles = useQuery(rolesQuery);
  return (
    <fieldset className="flex flex-col gap-2 text-sm">
      <legend className="mb-1 font-medium">{legend}</legend>
      {roles.data?.map((role) => (
        <label key={role.name} className="flex items-start gap-2">
          <input
            type="checkbox"
            name="roles"
            value={role.name}
            defaultChecked={chosen.includes(role.name)}
            className="mt-0.5 size-4 accent-accent-fill"
          />
          <span>
            {role.name} <span className="text-xs text-soft">may {role.scopes.join(", ")}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}
