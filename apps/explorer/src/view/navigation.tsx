/** A page with its address, its title, and its short name within the group. */
type LinkedPage = readonly [path: string, title: string, name: string];

const GROUPS: readonly (readonly [name: string, pages: readonly [LinkedPage, ...LinkedPage[]]])[] = [
  [
    'Overview',
    [
      ['', 'Overview', 'Now'],
      ['time', 'Over time', 'Over time'],
    ],
  ],
  [
    'Replies',
    [
      ['replies', 'Replies', 'Judged'],
      ['batches', 'Batches', 'Batches'],
      ['beacon', 'Beacon', 'Beacon'],
    ],
  ],
  [
    'Network',
    [
      ['providers', 'Providers', 'Providers'],
      ['validators', 'Validators', 'Validators'],
      ['penalties', 'Penalties', 'Penalties'],
    ],
  ],
  [
    'Models',
    [
      ['models', 'Models', 'On offer'],
      ['hub', 'Hub', 'Hub'],
      ['drift', 'Drift', 'Drift'],
    ],
  ],
  [
    'Check',
    [
      ['check', 'Check a receipt', 'A receipt'],
      ['agent', "Check an agent's run", "An agent's run"],
    ],
  ],
];

/** Pages that no link of the navigation leads to: title, and the group that they belong to. */
const OTHERS: Readonly<Record<string, readonly [string, string]>> = {
  reply: ['A reply', 'replies'],
  id: ['Search', 'batches'],
  account: ['An account', 'providers'],
};

/** Returns the title of the page at this address. */
export const nameOf = (page: string): string =>
  GROUPS.flatMap(([, pages]) => pages).find(([path]) => path === page)?.[1] ?? OTHERS[page]?.[0] ?? 'No such page';

/** Five groups of pages, and the pages of the current group. */
export function Navigation({ page }: { page: string }) {
  const path = OTHERS[page]?.[1] ?? page;
  const found = GROUPS.find(([, pages]) => pages.some(([one]) => one === path));
  return (
    <>
      <nav aria-label="Groups of pages">
        {GROUPS.map(([name, [[first]]]) => (
          <a key={name} href={`#/${first}`} {...(name === found?.[0] && { 'aria-current': 'true' as const })}>
            {name}
          </a>
        ))}
      </nav>
      {found && (
        <nav class="within" aria-label="Pages of this group">
          {found[1].map(([one, , name]) => (
            <a key={one} href={`#/${one}`} {...(one === path && { 'aria-current': 'page' as const })}>
              {name}
            </a>
          ))}
        </nav>
      )}
    </>
  );
}
