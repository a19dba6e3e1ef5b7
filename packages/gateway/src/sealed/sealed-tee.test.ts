import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { addMachineChecks, checkMachine, checkReceiptMachine } from '@ogong/attestation/machine-check';
import type { MachinePolicy } from '@ogong/attestation/policy-file';
import { createSoftwareAttester } from '@ogong/host/attester/software-attester';
import { toHex } from '@ogong/protocol/base/bytes';
import { nobleCrypto } from '@ogong/protocol/crypto/noble';
import type { SealedOfferJson } from '@ogong/protocol/stage1/sealed-offer';
import { type ClientOptions, createClient, SealedCallError } from '@ogong/sdk';
import type { ProviderBehaviour } from '@ogong/testing/gateway/fake-network';
import { createGatewayFixture, type FixtureOptions, type GatewayFixture } from '@ogong/testing/gateway/gateway-fixture';
import { softwareMachine, softwarePolicy, strictPolicy } from '@ogong/testing/provider/software-machine';
import { afterEach, describe, expect, it } from 'vitest';

const MODEL = 'ogong/tee/test/synthetic';
const PROMPT = 'The zebra Quixambre hid a turquoise umbrella.';
const WORDS = ['Quixambre', ' has', ' gone', ' to', ' Vandobel', '.'];
const params = { model: MODEL, messages: [{ role: 'user', content: PROMPT }] };
/** The fixture's parties are in no list. The client makes the check of the receipt's machine itself. */
const ALLOW = ['router', 'validator', 'admission', 'intake', 'model-root', 'machine'];

let fixture: GatewayFixture;
afterEach(() => fixture.close());

const checkBy =
  (policy: MachinePolicy): NonNullable<ClientOptions['checkMachine']> =>
  (machine) =>
    checkMachine(machine, { crypto: nobleCrypto, policy, nowMs: Date.now() });

interface Opened {
  readonly client: ReturnType<typeof createClient>;
  readonly passed: string[];
  readonly paths: string[];
}

async function open(
  {
    policy,
    meddle = (offer) => offer,
    providers = [{}],
    ...gateway
  }: {
    readonly policy?: MachinePolicy;
    readonly meddle?: (offer: SealedOfferJson) => SealedOfferJson;
    readonly providers?: readonly ProviderBehaviour[];
  } & Pick<FixtureOptions, 'machines'>,
  more: Partial<ClientOptions> = {},
): Promise<Opened> {
  const behaviours = providers.map((one) => ({ seals: true, words: WORDS, attester: softwareMachine, ...one }));
  fixture = await createGatewayFixture({ ...gateway, providers: behaviours, model: MODEL });
  const { ledger, network } = fixture.network.chain;
  const passed: string[] = [];
  const paths: string[] = [];
  const listening: typeof fetch = async (input, init) => {
    const { pathname } = new URL(String(input));
    paths.push(pathname);
    if (init?.body) passed.push(new TextDecoder().decode(init.body as Uint8Array));
    const response = await fetch(input, init);
    const text = await response.text();
    passed.push(text);
    if (pathname !== '/v1/ogong/offers' || !response.ok) return new Response(text, response);
    return Response.json(meddle(JSON.parse(text) as SealedOfferJson));
  };
  const client = createClient({
    ...{ baseUrl: fixture.url, trust: { ledger, settlement: network.settlement }, allow: ALLOW, fetch: listening },
    ...(policy && { checkMachine: checkBy(policy) }),
    ...more,
  });
  return { client, passed, paths };
}

const failure = (call: Promise<unknown>): Promise<SealedCallError> =>
  call.then(
    () => expect.fail('it was taken'),
    (error: SealedCallError) => error,
  );

const readGateway = (): Buffer =>
  Buffer.concat([
    ...readdirSync(fixture.directory).map((name) => readFileSync(join(fixture.directory, name))),
    Buffer.from(fixture.log.join('\n')),
  ]);

describe('a client that asks a machine of tier tee', () => {
  it('checks the machine, seals to its key by default, and its gateway sees neither prompt nor answer', async () => {
    const { client, passed, paths } = await open({ policy: softwarePolicy });
    const { response, receipt, replies } = await client.chat.completions.create(params);
    expect(response.choices[0]?.message.content).toBe(WORDS.join(''));
    expect(paths).toEqual(['/v1/ogong/offers', '/v1/ogong/replies', expect.stringMatching(/outcome$/)]);
    const [reply] = replies;
    const reader = { crypto: nobleCrypto, policy: softwarePolicy, nowMs: Date.now() };
    const found = await checkReceiptMachine(receipt, reader);
    expect(found[0]).toMatchObject({ id: 'machine', status: 'pass' });
    expect(addMachineChecks({ ...reply!, ok: true, missing: [] }, found, softwarePolicy).ok).toBe(true);
    for (const piece of ['Quixambre', 'Vandobel']) {
      expect(passed.some((body) => body.includes(piece))).toBe(false);
      expect(readGateway().includes(piece)).toBe(false);
    }
    expect(fixture.network.requests.map((one) => new TextDecoder().decode(one))).toEqual([
      expect.stringContaining('Quixambre'),
    ]);
  });

  it('has tensors with evidence of the machine for their record, and its gateway sees no value', async () => {
    const { client, passed, paths } = await open({ policy: softwarePolicy });
    const asked = { model: MODEL, inputs: { x: [[1.03125, 2, 0.5]] }, outputs: ['sum'] };
    const { response, receipt, replies } = await client.infer(asked);
    expect(response.outputs.sum?.data).toEqual([3.53125]);
    expect(receipt.endpoint).toBe('infer');
    expect(replies[0]?.posture).toMatchObject({ tier: 'tee', method: 'attested-replay' });
    const reader = { crypto: nobleCrypto, policy: softwarePolicy, nowMs: Date.now() };
    const found = await checkReceiptMachine(receipt, reader);
    expect(found[0]).toMatchObject({ id: 'machine', status: 'pass' });
    const strict = await checkReceiptMachine(receipt, { ...reader, policy: strictPolicy });
    expect(strict[0]).toMatchObject({ id: 'machine', status: 'fail' });
    expect(paths).not.toContain('/v1/infer');
    for (const marker of ['1.03125', '3.53125']) expect(passed.some((body) => body.includes(marker))).toBe(false);
  });

  it('gets a stream of a machine that its gateway believes, too', async () => {
    const machines = { machinePolicy: softwarePolicy };
    const { client } = await open({ policy: softwarePolicy, machines });
    let text = '';
    for await (const { choices } of await client.chat.completions.create({ ...params, stream: true }))
      text += choices[0]?.delta.content ?? '';
    expect(text).toBe(WORDS.join(''));
  });

  const foreign = createSoftwareAttester(new Uint8Array(32).fill(0x7f), 'another program');
  const bent = (offer: SealedOfferJson, evidence: (text: string) => string): SealedOfferJson => ({
    ...offer,
    machine: {
      attestedKey: offer.machine?.attestedKey ?? '',
      evidence: btoa(evidence(atob(offer.machine?.evidence ?? ''))),
    },
  });
  const fill = (length: number): string => btoa('\x01'.repeat(length));
  let earlier: SealedOfferJson['machine'];

  it.each<[string, Parameters<typeof open>[0], code: string]>([
    ['has no policy for machines', {}, 'unchecked'],
    ['does not believe the machine', { policy: strictPolicy }, 'machine'],
    ['does not know its program', { policy: softwarePolicy, providers: [{ attester: foreign }] }, 'machine'],
    ['is shown no evidence', { policy: softwarePolicy, meddle: ({ machine: _, ...offer }) => offer }, 'machine'],
    [
      'is shown evidence that was changed',
      { policy: softwarePolicy, meddle: (offer) => bent(offer, (text) => text.replace(/"image":"../, '"image":"00')) },
      'machine',
    ],
    [
      'is shown another attested key',
      {
        policy: softwarePolicy,
        meddle: (offer) => ({ ...offer, machine: { ...offer.machine!, attestedKey: fill(32) } }),
      },
      'machine',
    ],
    [
      'is shown a key of another length',
      {
        policy: softwarePolicy,
        meddle: (offer) => ({ ...offer, machine: { ...offer.machine!, attestedKey: fill(31) } }),
      },
      'machine',
    ],
  ])('sends nothing if it %s', async (_what, given, code) => {
    const { client, passed, paths } = await open(given);
    const error = await failure(client.chat.completions.create(params));
    expect(error).toBeInstanceOf(SealedCallError);
    expect(error.code).toBe(code);
    expect(new Set(paths)).toEqual(new Set(['/v1/ogong/offers']));
    expect(passed.some((body) => body.includes('Quixambre'))).toBe(false);
    expect(fixture.network.orders).toEqual([]);
  });

  it("sends nothing if the evidence answers another client's nonce", async () => {
    const meddle = (offer: SealedOfferJson): SealedOfferJson => {
      const machine = earlier ?? offer.machine;
      earlier = offer.machine;
      return { ...offer, ...(machine && { machine }) };
    };
    const { client } = await open({ policy: softwarePolicy, meddle });
    await client.chat.completions.create(params);
    const error = await failure(client.chat.completions.create(params));
    expect(error.checks.find(({ status }) => status === 'fail')?.detail).toContain('report-data');
    expect(fixture.network.orders).toHaveLength(1);
  });

  it('gets no offer of a machine that its gateway does not believe', async () => {
    const { client } = await open({ policy: softwarePolicy, machines: { machinePolicy: strictPolicy } });
    await expect(client.chat.completions.create(params)).rejects.toMatchObject({ code: 'no_provider' });
    expect(fixture.network.orders).toEqual([]);
  });

  it('names its machine in the key that the evidence is about', async () => {
    const { client, passed } = await open({ policy: softwarePolicy });
    await client.chat.completions.create(params);
    const offer = passed.find((text) => text.includes('attestedKey')) as string;
    const { machine } = JSON.parse(offer) as SealedOfferJson;
    const evidence = JSON.parse(atob(machine?.evidence ?? '')) as { cpu: { image: string } };
    expect(evidence.cpu.image).toContain(toHex(softwareMachine.image));
  });
});
