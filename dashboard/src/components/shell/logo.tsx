export function Logo() {
  return (
    <span className="flex items-center gap-2 text-base font-semibold tracking-tight">
      <svg viewBox="0 0 32 32" className="size-7" aria-hidden>
        <rect width="32" height="32" rx="7" className="fill-accent-fill" />
        <g stroke="#fff" strokeWidth="2.6" strokeLinecap="round" fill="none">
          <path d="M11 5v22M21 5v22" />
          <path d="M8 10h16M8 16h16M8 22h16" />
        </g>
      </svg>
      Opsrail
    </span>
  );
}
