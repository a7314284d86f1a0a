/** Filters of a list, kept in the address: selects act at once, texts on Enter or when left. */
import { Button } from "./button";
import { Input, Select } from "./field";

export type FilterField = {
  name: string;
  label: string;
  placeholder?: string;
  options?: readonly (readonly [value: string, label: string])[];
  type?: "text" | "datetime-local";
  className?: string;
};

export function FilterBar({
  fields,
  values,
  set,
  clear,
}: {
  fields: readonly FilterField[];
  values: Partial<Record<string, string>>;
  set: (name: string, value: string) => void;
  /** Left out where there is nothing to clear. */
  clear?: () => void;
}) {
  return (
    <div role="search" className="mb-3 grid grid-cols-2 items-end gap-2 sm:flex sm:flex-wrap">
      {fields.map(
        ({ name, label, options, placeholder = label, type = "text", className = "sm:max-w-44" }) =>
          options ? (
            <Select
              key={name}
              aria-label={label}
              className={className}
              value={values[name] ?? ""}
              onChange={(event) => set(name, event.target.value)}
              options={options}
            />
          ) : (
            <label
              key={`${name} ${values[name] ?? ""}`}
              className={
                type === "text" ? "contents" : "flex min-w-0 flex-wrap items-center gap-x-2 text-xs text-soft"
              }
            >
              {type !== "text" && label}
              <Input
                aria-label={label}
                title={type === "text" ? label : `${label}, in your local time`}
                type={type}
                placeholder={placeholder}
                className={className}
                defaultValue={values[name] ?? ""}
                onKeyDown={(event) => event.key === "Enter" && set(name, event.currentTarget.value.trim())}
                onBlur={(event) =>
                  event.target.value.trim() !== (values[name] ?? "") && set(name, event.target.value.trim())
                }
              />
            </label>
          ),
      )}
      {clear && Object.values(values).some(Boolean) && (
        <Button variant="quiet" onClick={clear}>
          Clear filters
        </Button>
      )}
    </div>
  );
}
