import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ATTACKS, type AttackSummary, formatAttackList, formatPlayed, listAttacks, listFiles } from './catalogue.ts';

/** Files that define no attack. */
const HELPERS = ['billed-reply', 'served-validator', 'small-router', 'stranger-link', 'threshold-play'];
const threats = readFileSync(new URL('../../../../docs/threats.md', import.meta.url), 'utf8')
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));

describe('attacks that the demo can play', () => {
  it('are one for each file of attackers/protocol, with the name of the file', () => {
    const names = listFiles().map((file) => basename(file, '.ts'));
    expect(ATTACKS.map(({ name }) => name)).toEqual(names.filter((name) => !HELPERS.includes(name)));
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(listAttacks())('$name stands in docs/threats.md, in the same words', ({ name, adversary, stoppedBy }) => {
    const [row, ...more] = threats.filter((cells) => cells[3]?.includes(`\`${name}.ts\``));
    expect(more).toEqual([]);
    expect(row?.[0]).toBe(adversary);
    expect(row?.[2]).toContain(stoppedBy);
  });

  it('are listed in a line each', () => {
    const lines = formatAttackList(listAttacks()).split('\n');
    expect(lines).toHaveLength(ATTACKS.length);
    for (const [i, { name, adversary, goal, stoppedBy }] of listAttacks().entries()) {
      for (const part of [name, adversary, goal, stoppedBy]) expect(lines[i]).toContain(part);
    }
  });

  it('are reported by their result: an attack that worked is called one', () => {
    const summary = listAttacks()[0] as AttackSummary;
    const played = { ...summary, tried: 'knocked', answered: ['no', 'no again'], money: 'none' };
    expect(formatPlayed({ ...played, worked: false })).toMatch(/no again\nmoney +none\n\n.* failed, as it should$/);
    expect(formatPlayed({ ...played, worked: true })).toMatch(/ WORKED$/);
  });
});
