import { readFileSync } from 'node:fs';
import { createTestDirectory, type TestDirectory } from '@ogong/testing/store/test-directory';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { HUB_ATTACKS } from './catalogue.ts';
import { type HubScene, openHubScene } from './scene.ts';

let directory: TestDirectory;
let scene: HubScene;
beforeEach(async () => {
  directory = createTestDirectory('hub-attacks');
  scene = await openHubScene(directory.path);
});
afterEach(async () => {
  await scene.close();
  directory.remove();
});

describe('attacks on the hub', () => {
  it('are none where a place is honest', async () => {
    expect(await scene.read(scene.place)).toEqual({ reports: [], isHarmed: false });
  });

  it.each(HUB_ATTACKS.map((attack) => [attack.name, attack] as const))('%s', async (_, { play, caughtBy }) => {
    const { reports, isHarmed } = await play(scene);
    expect(isHarmed).toBe(caughtBy === undefined);
    expect(reports.length).toBeGreaterThan(0);
    if (caughtBy !== undefined) expect(reports.join('\n')).toContain(caughtBy);
  });
});

it('names each attack once, and the page of threats has its row', () => {
  const names = HUB_ATTACKS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const page = readFileSync(new URL('../../../../docs/threats.md', import.meta.url), 'utf8');
  for (const { name, adversary, aim, stoppedBy } of HUB_ATTACKS) {
    const row = page.split('\n').find((line) => line.includes(`\`${name}.ts\``));
    expect(row, name).toContain(`| ${adversary} | ${aim} | ${stoppedBy} |`);
  }
});
