import type { Socket } from 'node:net';
import { type NodeRoute, parseRoutes } from '@ogong/protocol/exchange/routes';
import { type HostPort, parseHostPort } from '../host-port.ts';
import type { PeerId } from '../link-identity.ts';
import type { DialPolicy } from '../public-address.ts';
import { dialNamed, dialRelay } from './dial.ts';
import type { Puncher } from './punch.ts';

/** One way to a node. The first of a ladder is the best. */
export interface Rung {
  readonly kind: NodeRoute['kind'];
  readonly name: string;
  dial(signal: AbortSignal): Promise<Socket>;
}

export interface LadderOptions {
  readonly dialPolicy: DialPolicy;
  /** It has a policy of its own. Default: no hole is punched. */
  readonly puncher?: Puncher | undefined;
}

/**
 * The ways that an endpoint's text lists, without those that this machine cannot go.
 * @throws ProtocolError if the text is malformed.
 */
export function createLadder(endpoint: string, certHash: PeerId, { dialPolicy, puncher }: LadderOptions): Rung[] {
  return parseRoutes(endpoint).flatMap(({ kind, at }): Rung[] => {
    if (kind === 'punch') {
      return puncher ? [{ kind, name: `${at.slice(0, 8)} (punched)`, dial: (signal) => puncher.dial(at, signal) }] : [];
    }
    const address: HostPort = parseHostPort(at);
    if (kind === 'direct') return [{ kind, name: at, dial: (signal) => dialNamed(address, dialPolicy, signal) }];
    const dial: Rung['dial'] = (signal) =>
      dialRelay(address, { ask: 'connect', subject: certHash }, { dialPolicy, signal });
    return [{ kind, name: `${at} (relay)`, dial }];
  });
}

export interface Climbed<T> {
  readonly opened: T;
  /** The index of the rung, from 0. */
  readonly rung: number;
}

export interface ClimbOptions {
  readonly signal: AbortSignal;
  /** How long a rung is tried alone, before the next one is tried beside it. */
  readonly headStartMs: number;
}

/**
 * Opens the first rung that works. Each has a head start over the next one; a failure ends it at once. Other attempts that were begun are
 * ended.
 * @param open from the dial to a session whose certificate was checked. So a rung that leads to another peer counts as failed.
 * @throws the failure of the first rung if all fail; its message ends with the others'.
 */
export function climb<T>(
  ladder: readonly Rung[],
  open: (rung: Rung, signal: AbortSignal) => Promise<T>,
  { signal, headStartMs }: ClimbOptions,
): Promise<Climbed<T>> {
  return new Promise((resolve, reject) => {
    const failures: unknown[] = [];
    const attempts: AbortController[] = [];
    let isSettled = false;
    let timer: NodeJS.Timeout | undefined;

    const settle = (act: () => void, winner?: AbortController): void => {
      if (isSettled) return;
      isSettled = true;
      clearTimeout(timer);
      for (const attempt of attempts) if (attempt !== winner) attempt.abort();
      act();
    };

    function startNext(): void {
      clearTimeout(timer);
      const rung = attempts.length;
      const next = ladder[rung];
      if (isSettled || next === undefined) return;
      const attempt = new AbortController();
      attempts.push(attempt);
      open(next, AbortSignal.any([signal, attempt.signal])).then(
        (opened) => (isSettled ? drop(opened) : settle(() => resolve({ opened, rung }), attempt)),
        (error: unknown) => {
          failures[rung] = error;
          if (Object.keys(failures).length === ladder.length) return settle(() => reject(joinFailures(failures)));
          if (rung === attempts.length - 1) startNext();
        },
      );
      if (attempts.length < ladder.length) timer = setTimeout(startNext, headStartMs);
    }

    startNext();
  });
}

/** A rung that came second. */
function drop(opened: unknown): void {
  (opened as { destroy?: () => void }).destroy?.();
}

function joinFailures(failures: readonly unknown[]): unknown {
  const [first, ...others] = failures;
  if (!(first instanceof Error) || others.length === 0) return first;
  first.message += others.map((other) => `; ${other instanceof Error ? other.message : String(other)}`).join('');
  return first;
}
