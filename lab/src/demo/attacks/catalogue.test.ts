import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type AttackSummary, formatAttackList, formatPlayed, SCENES, summarizeAttack } from './catalogue.ts';
import { listAttacks } from './play-attack.ts';

/** They are no attacks. */
const HELPERS = [
  'attack.ts',
  'audit-replies.ts',
  'audited-network.ts',
  'breaks.ts',
  'network/stranger-link.ts',
  'validators/threshold-play.ts',
];
const threats = readFileSync(new URL('../../../../docs/threats.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));

const folder = new URL('../../attackers/protocol/', import.meta.url);
const files = (readdirSync(folder, { recursive: true }) as string[]).filter(
  (name) => name.endsWith('.ts') && !name.endsWith('.test.ts'),
);

/** Every attack of the folder: what has a name, an aim, and can be played. */
async function findAttacks(): Promise<unknown[]> {
  const modules = await Promise.all(files.map((name) => import(new URL(name, folder).href)));
  const isAttack = (one: unknown): boolean => one instanceof Object && 'aim' in one && 'play' in one;
  return modules.flatMap((module) => Object.values(module as object)).filter(isAttack);
}

describe('attacks that the demo can play', () => {
  it('are all that there are', async () => {
    const found = await findAttacks();
    expect(found).toHaveLength(files.filter((name) => !HELPERS.includes(name)).length);
    expect(new Set(SCENES.map(({ attack }) => attack))).toEqual(new Set(found));
  });

  it('have distinct names', () => {
    expect(new Set(SCENES.map(({ attack }) => attack.name)).size).toBe(SCENES.length);
  });

  it.each(listAttacks())('$name stands in docs/threats.md, in the same words', ({ name, adversary, stoppedBy }) => {
    const [row, ...more] = threats.filter((cells) => cells[3]?.includes(`\`${name}.ts\``));
    expect(more).toEqual([]);
    expect(row?.[0]).toBe(adversary);
    expect(row?.[2]).toContain(stoppedBy);
  });

  it('are listed in a line each', () => {
    const lines = formatAttackList(listAttacks()).split('\n');
    expect(lines).toHaveLength(SCENES.length);
    for (const [i, { name, adversary, goal, stoppedBy }] of listAttacks().entries()) {
      for (const part of [name, adversary, goal, stoppedBy]) expect(lines[i]).toContain(part);
    }
  });

  it('must say who plays them, and what stops them', () => {
    const silent = {
      ...(SCENES[0] as (typeof SCENES)[number]),
      attack: { name: 'silent', aim: 'nothing', restarts: [] },
    };
    expect(() => summarizeAttack(silent)).toThrow('silent: no adversary');
  });

  it('are reported as what they were: an attack that worked is called one', () => {
    const summary = listAttacks()[0] as AttackSummary;
    const played = { ...summary, tried: 'knocked', answered: ['no', 'no again'], money: 'none' };
    expect(formatPlayed({ ...played, worked: false })).toMatch(/no again\nmoney +none\n\n.* failed, as it should$/);
    expect(formatPlayed({ ...played, worked: true })).toMatch(/ WORKED$/);
  });
});
