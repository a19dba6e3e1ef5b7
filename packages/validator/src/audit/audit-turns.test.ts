import { expect, it } from 'vitest';
import { createAuditTurns } from './audit-turns.ts';

/** Gives places to payees in turn. @returns a function that frees the place of a reply. */
function createPlaces() {
  const turns = createAuditTurns();
  const taken = new Map<string, true>();
  let replies = 0;
  return {
    start(waiting: readonly string[]): string {
      const payee = turns.choose(waiting, taken);
      const key = `${payee} ${replies++}`;
      taken.set(key, true);
      turns.note(payee, key);
      return payee;
    },
    end(payee: string): void {
      const key = [...taken.keys()].find((one) => one.startsWith(`${payee} `));
      taken.delete(key as string);
    },
  };
}

it('a payee alone takes all places, and others come before it once they wait', () => {
  const { start, end } = createPlaces();
  expect([start(['a']), start(['a']), start(['a'])]).toEqual(['a', 'a', 'a']);
  end('a');
  expect(start(['a', 'b'])).toBe('b');
  end('a');
  expect(start(['a', 'b'])).toBe('a');
});

it('payees with as many places take turns', () => {
  const { start, end } = createPlaces();
  const served: string[] = [];
  for (let i = 0; i < 6; i++) {
    const payee = start(['a', 'b', 'c']);
    served.push(payee);
    end(payee);
  }
  expect(served).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
});
