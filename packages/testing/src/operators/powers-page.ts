import { readFileSync } from 'node:fs';

export const readPowersPage = (): string =>
  readFileSync(new URL('../../../../docs/powers.md', import.meta.url), 'utf8');

/** A call that may change state, and the parties that may make it. */
export interface ListedCall {
  /** `Contract.function` */
  readonly call: string;
  readonly who: string;
}

/** The last table of the page. */
export function readPowersTable(page: string): ListedCall[] {
  const table = page.slice(page.indexOf('## Every call that changes something'));
  const rows = [...table.matchAll(/^\| (\w+) \|([^|]*)\|([^|]*)\|([^|]*)\|$/gm)].filter(
    ([, name]) => name !== 'contract',
  );
  return rows.flatMap(([, contract, itself = '', anyone = '', others = '']) => {
    const list = (who: string, names: string): ListedCall[] =>
      names
        .split(',')
        .map((name) => name.trim())
        .filter((name) => name !== '')
        .map((name) => ({ call: `${contract}.${name}`, who }));
    const parts = others.split(';').map((part) => part.split(':'));
    return [
      ...list('itself', itself),
      ...list('anyone', anyone),
      ...parts.flatMap(([who = '', names = '']) => list(who.trim(), names)),
    ];
  });
}
