import type { Check } from '@ogong/protocol/base/checks';
import { splitAmounts } from '@ogong/protocol/verdict/check-amounts';
import {
  type ComponentChild,
  type ComponentChildren,
  cloneElement,
  Fragment,
  isValidElement,
  toChildArray,
} from 'preact';
import { useState } from 'preact/hooks';
import type { NetworkState } from '../data/store.ts';
import { formatAmount, shorten } from '../format.ts';
import { formatStale } from './problems.tsx';

/** A long hexadecimal name: short to read, whole to copy, and for screen readers. */
export function Hash({ hex, href, label }: { hex: string; href?: string; label?: string }) {
  const text = <code title={hex}>{shorten(hex)}</code>;
  return href === undefined ? (
    text
  ) : (
    <a href={href} aria-label={label && `${label} ${shorten(hex)}`}>
      {text}
    </a>
  );
}

export function CopyButton({ text, what = 'copy', label }: { text: string; what?: string; label?: string }) {
  const [said, setSaid] = useState<string>();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      setSaid('copied');
    } catch {
      // A page that is no secure context has no clipboard.
      setSaid('not copied');
    }
    setTimeout(() => setSaid(undefined), 1_500);
  };
  return (
    <button type="button" class="quiet small" onClick={copy} {...(label && { 'aria-label': said ?? label })}>
      {said ?? what}
    </button>
  );
}

export function Amount({ atomic }: { atomic: bigint }) {
  return (
    <span class="amount" title={`${atomic} atomic units`}>
      {formatAmount(atomic)} <small>OGONG</small>
    </span>
  );
}

/** The sentence of a check, with its amounts in tokens. */
function Detail({ text }: { text: string }) {
  return splitAmounts(text).map((part, i) => (typeof part === 'string' ? part : <Amount key={i} atomic={part} />));
}

const WORDS = { pass: 'proven', fail: 'refuted', skip: 'not checked' } as const;

export function CheckMark({ status }: { status: Check['status'] }) {
  return (
    <span class="mark" aria-hidden="true">
      {status === 'pass' ? '✓' : status === 'fail' ? '✕' : '–'}
    </span>
  );
}

export function CheckList({ checks, label }: { checks: readonly Check[]; label: string }) {
  return (
    <ul class="checks" aria-label={label}>
      {checks.map(({ id, status, detail }) => (
        <li key={id} class={status}>
          <CheckMark status={status} />
          <div>
            <b>{id}</b> <span class="state">{WORDS[status]}</span>
            <p>
              <Detail text={detail} />
            </p>
          </div>
        </li>
      ))}
    </ul>
  );
}

export function Verdict({ verdict }: { verdict: string }) {
  return <span class={`pill v-${verdict || 'none'}`}>{verdict || 'not judged yet'}</span>;
}

/** Whether the chain proves a row, or a validator says it. */
export function Source({ isSettled }: { isSettled: boolean }) {
  return isSettled ? (
    <span class="pill proven" title="the chain has settled the log up to this entry, and the hashes lead there">
      settled
    </span>
  ) : (
    <span class="pill claimed" title="claimed by the validator; no batch has settled it yet">
      not settled yet
    </span>
  );
}

/** Explains missing data: why it cannot be read, if the reason is known. */
export function tellMissing(
  { problems, reader, info }: Pick<NetworkState, 'problems' | 'reader' | 'info'>,
  what: 'models' | 'chain' | 'logs',
  reading: string,
): string {
  const problem = problems[what] ?? problems.network;
  if (problem !== undefined) return `Not read: ${problem}.`;
  return what === 'chain' && info !== undefined && reader === undefined
    ? 'Not read: the gateway names no address of the chain.'
    : reading;
}

/** Elements without the fragments around them. */
const flatten = (children: ComponentChildren): readonly ComponentChild[] =>
  toChildArray(children).flatMap((child) =>
    isValidElement(child) && child.type === Fragment ? flatten(child.props.children) : [child],
  );

/** A table that is laid out as cards has no roles of its own in a browser. */
const ROLES = {
  table: { role: 'table' },
  group: { role: 'rowgroup' },
  row: { role: 'row' },
  head: { role: 'columnheader' },
} as const;

/** Names the column of each cell: on a phone a row is a card, and shows the names. */
function nameCells(rows: ComponentChildren, head: readonly string[]): readonly ComponentChild[] {
  return flatten(rows).map((row) => {
    if (!isValidElement(row)) return row;
    const cells = flatten(row.props.children).map((cell, i) =>
      isValidElement(cell) ? cloneElement(cell, { key: i, 'data-label': head[i], role: 'cell' } as object) : cell,
    );
    return cloneElement(row, ROLES.row, cells);
  });
}

/**
 * A table that scrolls by itself on a narrow screen, also by keyboard. On a phone its rows are cards.
 * @param props.isCompact on a phone two cells share a line, and most have no name before them.
 */
export function Table({
  label,
  head,
  children,
  empty,
  isCompact,
}: {
  label: string;
  head: readonly string[];
  children: ComponentChildren;
  empty?: ComponentChildren;
  isCompact?: boolean;
}) {
  if (empty) return <p class="empty">{empty}</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling element has to be reachable by keyboard
    <section class="scroll" tabIndex={0} aria-label={label}>
      <table class={isCompact ? 'cards compact' : 'cards'} {...ROLES.table}>
        <thead {...ROLES.group}>
          <tr {...ROLES.row}>
            {head.map((name) => (
              <th key={name} scope="col" {...ROLES.head}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody {...ROLES.group}>{nameCells(children, head)}</tbody>
      </table>
    </section>
  );
}

export function Card({
  title,
  aside,
  children,
  wide,
}: {
  title: string;
  aside?: ComponentChildren;
  children: ComponentChildren;
  wide?: boolean;
}) {
  return (
    <section class={wide ? 'card wide' : 'card'}>
      <header>
        <h2>{title}</h2>
        {aside}
      </header>
      {children}
    </section>
  );
}

/** @param props.staleMs time of the last good read, if the figure is out of date. */
export function Figure({
  name,
  value,
  note,
  staleMs,
}: {
  name: string;
  value: ComponentChildren;
  note?: ComponentChildren;
  staleMs?: number | undefined;
}) {
  return (
    <div class={staleMs === undefined ? 'figure' : 'figure stale'}>
      <dt>{name}</dt>
      <dd>
        {value}
        <small class="about">{staleMs === undefined ? note : formatStale(staleMs)}</small>
      </dd>
    </div>
  );
}

export function Facts({ rows }: { rows: readonly (readonly [string, ComponentChildren])[] }) {
  return (
    <dl class="facts">
      {rows.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
