import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EXIT } from '@ogong/host/log/errors';
import { toTrustJson } from '@ogong/protocol/stage1/trust';
import { createGatewayFixture, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { softwareMachine, softwarePolicy } from '@ogong/testing/provider/software-machine';
import { afterAll, afterEach, expect, it } from 'vitest';
import { askCommand } from './ask-command.ts';

const MODEL = 'ogong/tee/test/synthetic';
const PROMPT = 'Where is Quixambre?';
const WORDS = ['Vandobel', ' is', ' far', '.'];
const ALLOW = ['router', 'validator', 'admission', 'intake', 'model-root'];

const directory = mkdtempSync(join(tmpdir(), 'ogong-ask-tee-'));
afterAll(() => rmSync(directory, { recursive: true }));

let fixture: GatewayFixture;
afterEach(() => fixture.close());

async function ask(policy: object, ...flags: readonly string[]) {
  fixture = await createGatewayFixture({
    providers: [{ seals: true, words: WORDS, attester: softwareMachine }],
    model: MODEL,
  });
  const { ledger, network } = fixture.network.chain;
  const save = (name: string, value: object): string => {
    const path = join(directory, name);
    writeFileSync(path, JSON.stringify(value));
    return path;
  };
  const trust = save('trust.json', toTrustJson({ ledger, settlement: network.settlement, allow: ALLOW }));
  const machines = save('policy.json', policy);
  let out = '';
  let error = '';
  const argv = [PROMPT, '--gateway', fixture.url, '--model', MODEL, '--trust', trust, '--machines', machines, ...flags];
  const code = await askCommand.run(argv, {
    write: (piece) => (out += piece),
    writeError: (piece) => (error += piece),
  });
  const disk = readFileSync(join(fixture.directory, 'gateway.db')).toString('latin1') + fixture.log.join('\n');
  return { code, out, error, disk };
}

it('seals to a machine that the policy accepts, and prints the basis of the answer', async () => {
  const { images, softwareKeys } = softwarePolicy;
  const { code, out, error, disk } = await ask({ images, softwareKeys });
  expect({ code, out }).toEqual({ code: EXIT.ok, out: `${WORDS.join('')}\n` });
  expect(error).toMatch(/^verified: .* · provider [0-9a-f]{12}$/m);
  expect(error).toContain('by hardware: nothing: an attester in software signed\nby replay: ');
  expect(error).toContain('believed: the software attester (');
  expect(fixture.network.orders).toHaveLength(1);
  for (const piece of ['Quixambre', 'Vandobel']) expect(disk).not.toContain(piece);
});

it('sends nothing to a machine that the policy refuses', async () => {
  const { code, out, error } = await ask({});
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(error).toMatch(/^FAIL +machine /m);
  expect(fixture.network.orders).toEqual([]);
});
