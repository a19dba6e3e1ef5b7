import { fromBase64, toBase64, toHex, utf8Decode, utf8Encode } from '@ogong/protocol/base/bytes';
import type { Crypto } from '@ogong/protocol/crypto/crypto';
import { createNobleLedgerSigner } from '@ogong/protocol/crypto/noble';
import { nobleBls } from '@ogong/protocol/crypto/noble-bls';
import type { Header } from '@ogong/protocol/modality/text/commitment/header';
import type { DrawRow } from '@ogong/protocol/modality/text/commitment/window';
import type { CohortMember } from '@ogong/protocol/settlement/cohort-agreement';
import { parseReceipt, toReceiptJson } from '@ogong/protocol/stage1/receipt';
import { parseTrust, toTrustJson } from '@ogong/protocol/stage1/trust';
import { type ReceiptVerdict, verifyReceipt } from '@ogong/protocol/verdict/receipt/verify-receipt';
import { createSteadySigner } from '../protocol/steady-signer.ts';
import type { SyntheticCohort } from '../synthetic/synthetic-cohort.ts';
import { createSyntheticReceipt, type SyntheticReceiptOptions } from '../synthetic/synthetic-receipt.ts';

/** An edit of the value at a path: replace it, remove it, cut its end, or flip the lowest bit of one byte. */
type Edit =
  | { readonly set: string; readonly to: unknown }
  | { readonly remove: string }
  | { readonly cut: string; readonly bytes: number }
  | { readonly flip: string; readonly at: number };

export type CaseJson = { [key: string]: unknown };
export interface Bent {
  readonly what: string;
  readonly base: string;
  readonly edits: readonly Edit[];
  /** Checks that fail; undefined if the file is unusable. */
  readonly failed: readonly string[] | undefined;
}

/** A receipt as a gateway hands it out, the trust of its reader, and the time of reading. */
export interface ReceiptCase {
  readonly receipt: CaseJson;
  readonly trust: CaseJson;
  readonly nowMs: number;
}

/** @returns undefined if the receipt or the trust file is unusable. */
export async function judgeReceiptCase(
  crypto: Crypto,
  { receipt, trust, nowMs }: ReceiptCase,
): Promise<ReceiptVerdict | undefined> {
  try {
    const [request, response] = [fromBase64(receipt.request as string), fromBase64(receipt.response as string)];
    const parsed = parseReceipt(utf8Encode(JSON.stringify(receipt)));
    return await verifyReceipt(parsed, { crypto, request, response, trust: parseTrust(trust), nowMs });
  } catch {
    return undefined;
  }
}

/** Paths are field names joined by `/`, because model ids contain dots. They contain slashes too, so no edit goes below one. */
export function editReceiptCase(base: ReceiptCase, edits: readonly Edit[]): ReceiptCase {
  const bent = structuredClone(base);
  for (const edit of edits) {
    const path = 'set' in edit ? edit.set : 'remove' in edit ? edit.remove : 'cut' in edit ? edit.cut : edit.flip;
    const keys = path.split('/');
    const last = keys.pop() as string;
    const parent = keys.reduce<CaseJson>((at, key) => at[key] as CaseJson, bent as unknown as CaseJson);
    if ('set' in edit) parent[last] = edit.to;
    else if ('remove' in edit) delete parent[last];
    else {
      const bytes = fromBase64(parent[last] as string);
      if ('flip' in edit) bytes[edit.at] = (bytes[edit.at] as number) ^ 1;
      parent[last] = toBase64('cut' in edit ? bytes.slice(0, bytes.length - edit.bytes) : bytes);
    }
  }
  return bent;
}

/** The difference of a case from its base, as edits, so that the vectors do not repeat equal parts. */
export function findEdits(base: unknown, bent: unknown, path = ''): Edit[] {
  const isObject = (value: unknown): value is CaseJson =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  if (!isObject(base) || !isObject(bent) || path === 'trust/modelRoots') {
    return JSON.stringify(base) === JSON.stringify(bent) ? [] : [{ set: path, to: bent }];
  }
  const at = (key: string): string => (path === '' ? key : `${path}/${key}`);
  return [
    ...Object.keys(base).flatMap((key) => (key in bent ? [] : [{ remove: at(key) }])),
    ...Object.entries(bent).flatMap(([key, value]) => findEdits(base[key], value, at(key))),
  ];
}

const fill = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

/** The receipt from which the others differ. */
export const usualReceipt = (crypto: Crypto): SyntheticReceiptOptions => ({
  crypto,
  provider: createSteadySigner(fill(64, 0x31)),
  router: createSteadySigner(fill(64, 0x32)),
  payer: createNobleLedgerSigner(fill(32, 0x33)),
  ledger: { chainId: 31_337n, verifyingContract: fill(20, 0x34) },
  tokens: 3,
});

/**
 * Whole receipts from fixed keys, and the failing checks after a change. `vectors/receipt.json`: changed without the
 * keys. `vectors/receipt-signed.json`: changed by the signers themselves.
 */
export async function createReceiptVectors(crypto: Crypto): Promise<Readonly<Record<string, unknown>>> {
  const usual = usualReceipt(crypto);
  const make = (options: Partial<SyntheticReceiptOptions> = {}): ReceiptCase => {
    const { receipt, reply, trust, nowMs } = createSyntheticReceipt({ ...usual, ...options });
    const bodies = { request: toBase64(reply.request), response: toBase64(reply.response) };
    return {
      receipt: { ...toReceiptJson(receipt), ...bodies },
      trust: toTrustJson(trust) as unknown as CaseJson,
      nowMs,
    };
  };
  const bases: Record<string, { options: Partial<SyntheticReceiptOptions>; made: ReceiptCase }> = {};
  const addBase = (name: string, options: Partial<SyntheticReceiptOptions>): void => {
    bases[name] = { options, made: make(options) };
  };
  addBase('chat', {});
  addBase('completion', { endpoint: 'completion' });
  addBase('threshold', { isThreshold: true });
  addBase('vanilla', { said: 'counted' });
  addBase('vanilla, named tokens', { said: 'named' });
  addBase('cohort', { cohort: {} });

  const cases: Bent[] = [];
  const edited = (what: string, failed: readonly string[] | undefined, ...edits: Edit[]): void => {
    cases.push({ what, base: 'chat', edits, failed });
  };
  /** A case that a signer itself changed, so every signature is valid. */
  const signed = (
    what: string,
    failed: readonly string[],
    bent: Partial<SyntheticReceiptOptions>,
    base = 'chat',
  ): void => {
    const { options, made } = bases[base] as (typeof bases)[string];
    cases.push({ what, base, failed, edits: findEdits(made, make({ ...options, ...bent })) });
  };
  const allowing = (id: string): Edit => ({ set: 'trust/allow', to: [id] });
  const header = (change: Partial<Header> | ((h: Header) => Partial<Header>)): Partial<SyntheticReceiptOptions> => ({
    bend: { header: (h) => ({ ...h, ...(typeof change === 'function' ? change(h) : change) }) },
  });
  const row = (change: (row: DrawRow) => Partial<DrawRow>): Partial<SyntheticReceiptOptions> => ({
    bend: { row: (one, i) => (i === 1 ? { ...one, ...change(one) } : one) },
  });
  const chat = (bases.chat as (typeof bases)[string]).made;
  const requestText = utf8Decode(fromBase64(chat.receipt.request as string));
  const certificate = fromBase64(chat.receipt.beacon as string);
  const orderBytes = fromBase64((chat.receipt.order as { bytes: string }).bytes);
  const recordBytes = fromBase64((chat.receipt.record as { bytes: string }).bytes);

  edited('a compact receipt', [], { set: 'receipt/opening', to: { url: '/v1/receipts/0/opening' } });
  edited('no trust at all', [], { set: 'trust', to: {} });
  const anchors = ['router', 'ledger', 'validator', 'admission', 'intake', 'model-root', 'beacon'];
  edited('no trust, and every check allowed that needs it', [], { set: 'trust', to: { allow: anchors } });
  edited('no trust, and one check too few allowed', [], { set: 'trust', to: { allow: anchors.slice(1) } });
  edited('no routers', [], { remove: 'trust/routers' });
  edited('no published root', [], { remove: 'trust/modelRoots' });
  edited('a failure that is allowed', ['ledger'], {
    ...{
      set: 'trust',
      to: { ...chat.trust, allow: ['ledger'], ledger: { chainId: '1', escrow: `0x${'00'.repeat(20)}` } },
    },
  });
  edited('a field that nobody knows', [], { set: 'receipt/reply_id', to: 'x' });
  signed('the genesis epoch', [], { isGenesis: true });
  signed('a seed', [], { parameters: { seed: -7 } });
  signed('penalties and a bias', [], { parameters: { presence_penalty: 0.5, logit_bias: { 5: 4, 9: -100 } } });
  signed('temperature 0', [], { parameters: { temperature: 0 } });

  const unusable = (what: string, ...edits: Edit[]): void => edited(`unusable: ${what}`, undefined, ...edits);
  unusable('another format', { set: 'receipt/format', to: 'ogong-receipt-v2' });
  unusable('zeros before the chain', { set: 'receipt/ledger/chainId', to: '031337' });
  unusable('two openings', { set: 'receipt/opening/url', to: '/x' });
  unusable('no opening', { remove: 'receipt/opening/bytes' });
  unusable('a short order signature', { cut: 'receipt/order/signature', bytes: 1 });
  unusable('a short hybrid signature', { cut: 'receipt/record/signature', bytes: 1 });
  unusable('base64 without padding', { set: 'receipt/beacon', to: 'AAA' });
  unusable('a progress with a short signature', {
    set: 'receipt/progress',
    to: { bytes: 'AAAA', signature: 'AAAA' },
  });
  unusable('evidence without padding', { set: 'receipt/evidence', to: { attestation: 'AAA' } });
  unusable('evidence with a name in capitals', { set: 'receipt/evidence', to: { Attestation: 'AAAA' } });
  unusable('evidence as a list', { set: 'receipt/evidence', to: ['AAAA'] });
  unusable('nine parts of evidence', {
    set: 'receipt/evidence',
    to: Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`part-${i}`, 'AAAA'])),
  });
  unusable('no ticket', { remove: 'receipt/ticket' });
  unusable('no admission', { remove: 'receipt/admission' });
  unusable('a short admission signature', { cut: 'receipt/admission/signature', bytes: 1 });
  unusable('an epoch of admission with zeros before it', { set: 'receipt/admission/epoch', to: '07' });
  unusable('a time of admission of 20 digits', { set: 'receipt/admission/time', to: `${10n ** 19n}` });
  unusable('a short intake signature', { cut: 'receipt/intake/signature', bytes: 1 });
  unusable('an epoch of intake that is a number', { set: 'receipt/intake/epoch', to: 7 });
  unusable('trust with a field that nobody knows', { set: 'trust/modelRoot', to: {} });
  unusable('an allowed check with a name that no check has', { set: 'trust/allow', to: ['*'] });
  unusable('trust with a validator twice', {
    set: 'trust/validators/1/address',
    to: (chat.trust.validators as CaseJson[])[0]?.address,
  });

  edited('a space behind the request', ['blinding', 'request-hash', 'response-hash'], {
    set: 'receipt/request',
    to: toBase64(utf8Encode(`${requestText} `)),
  });
  edited('a request that is none', ['format'], { cut: 'receipt/request', bytes: 1 });
  edited('another response', ['response-hash'], { flip: 'receipt/response', at: 0 });
  edited('a cut response', ['response-hash'], { cut: 'receipt/response', bytes: 1 });
  edited('the order signature', ['order-signature'], { flip: 'receipt/order/signature', at: 5 });
  edited('the tag of the order', ['format'], { flip: 'receipt/order/bytes', at: 0 });
  edited('the expiry of the order', ['admission', 'header-order', 'intake', 'order-signature'], {
    flip: 'receipt/order/bytes',
    at: orderBytes.length - 1,
  });
  edited('the Ed25519 half of the record signature', ['record-signature'], { flip: 'receipt/record/signature', at: 3 });
  edited('the ML-DSA half of the record signature', ['record-signature'], {
    flip: 'receipt/record/signature',
    at: 100,
  });
  edited('the ML-DSA half of the provider key', ['provider-identity', 'record-signature'], {
    ...{ flip: 'receipt/record/publicKey', at: 100 },
  });
  edited('the end time of the record', ['intake', 'record-signature'], {
    flip: 'receipt/record/bytes',
    at: recordBytes.length - 1,
  });
  edited('the tag of the record', ['format'], { flip: 'receipt/record/bytes', at: 0 });
  // Its last field is a decimal number.
  edited('a cut record', ['intake', 'record-signature', 'times'], { cut: 'receipt/record/bytes', bytes: 1 });
  edited('the admission signature', ['admission'], { flip: 'receipt/admission/signature', at: 5 });
  edited('another epoch of admission', ['admission'], { set: 'receipt/admission/epoch', to: '6' });
  edited('another time of admission', ['admission'], { set: 'receipt/admission/time', to: '1' });
  edited('the intake signature', ['intake'], { flip: 'receipt/intake/signature', at: 5 });
  edited('another epoch of intake', ['intake'], { set: 'receipt/intake/epoch', to: '8' });
  edited('no intake yet', [], { remove: 'receipt/intake' });
  edited('no intake yet, which the reader allows', [], { remove: 'receipt/intake' }, allowing('intake'));
  edited(
    'an intake that fails, and is allowed',
    ['intake'],
    { flip: 'receipt/intake/signature', at: 5 },
    allowing('intake'),
  );
  edited('the ticket signature', ['ticket'], { flip: 'receipt/ticket/signature', at: 0 });
  edited('a vote in the beacon', ['beacon'], { flip: 'receipt/beacon', at: certificate.length - 10 });
  edited('no beacon', ['beacon', 'draw-key', 'evidence'], { set: 'receipt/beacon', to: '' });
  edited('a header byte', ['commitment-root'], { flip: 'receipt/opening/bytes', at: 60 });
  edited('the tag of the opening', ['commitment-form'], { flip: 'receipt/opening/bytes', at: 0 });
  edited('an opening of no bytes', ['commitment-form', 'evidence'], { set: 'receipt/opening/bytes', to: '' });
  edited('an opening nowhere', ['evidence'], { set: 'receipt/opening', to: { url: '' } });
  edited('evidence that the tier does not ask for', [], { set: 'receipt/evidence', to: { attestation: 'AAAA' } });
  edited('a cut opening', ['commitment-form'], { cut: 'receipt/opening/bytes', bytes: 1 });
  edited(
    'another chain',
    [
      ...['admission', 'beacon', 'draw-key', 'header-order', 'intake', 'ledger'],
      ...['order-binding', 'order-signature', 'ticket'],
    ],
    {
      ...{ set: 'receipt/ledger/chainId', to: '1' },
    },
  );
  edited('another escrow trusted', ['ledger'], { set: 'trust/ledger/escrow', to: `0x${'00'.repeat(20)}` });
  edited('another root published', ['model-root'], {
    set: 'trust/modelRoots',
    to: { 'ogong/verified/test/synthetic': `0x${'00'.repeat(32)}` },
  });
  edited('another router trusted', ['router'], { set: 'trust/routers', to: [`0x${'00'.repeat(32)}`] });
  edited('no validators', ['beacon', 'validator'], { set: 'trust/validators', to: [] });
  edited('read 30 s before the end', [], { set: 'nowMs', to: chat.nowMs - 31_000 });
  edited('read 30 s and 1 ms before the end', ['times'], { set: 'nowMs', to: chat.nowMs - 31_001 });

  const replayed = make({ seed: 2 });
  const taken = (part: string): Edit => ({ set: `receipt/${part}`, to: replayed.receipt[part] });
  edited('the admission of another reply', ['admission'], taken('admission'));
  edited('the intake of another reply', ['intake'], taken('intake'));
  edited('the record of another reply', ['commitment-root', 'intake', 'model-root', 'order-binding'], taken('record'));
  edited('the opening of another reply', ['commitment-root'], taken('opening'));
  edited('the ticket of another reply', ['ticket'], taken('ticket'));
  edited(
    'the order of another reply',
    ['admission', 'draw-key', 'header-order', 'intake', 'order-binding', 'sketch-bank', 'ticket'],
    taken('order'),
  );

  const threshold = (bases.threshold as (typeof bases)[string]).made;
  const [generation] = threshold.trust.generations as CaseJson[];
  const ofThreshold = (what: string, failed: readonly string[] | undefined, ...edits: Edit[]): void => {
    cases.push({ what: `threshold: ${what}`, base: 'threshold', failed, edits });
  };
  const knowing = (change: CaseJson): Edit => ({ set: 'trust/generations', to: [{ ...generation, ...change }] });
  const otherKey = `0x${toHex(nobleBls.deriveKey(2n))}`;
  ofThreshold('no keys of the beacon are trusted', [], { remove: 'trust/generations' });
  ofThreshold('another key', ['beacon'], knowing({ key: otherKey }));
  ofThreshold('an epoch before the generation', ['beacon'], knowing({ firstEpoch: '8' }));
  ofThreshold('an epoch behind the generation', ['beacon'], knowing({ lastEpoch: '6' }));
  ofThreshold('the last epoch of the generation', [], knowing({ lastEpoch: '7' }));
  ofThreshold('a byte of the signature', ['beacon', 'draw-key', 'sketch-bank'], { flip: 'receipt/beacon', at: 100 });
  ofThreshold('a cut certificate', ['beacon', 'draw-key'], { cut: 'receipt/beacon', bytes: 1 });
  ofThreshold('unusable: a generation that is not numbered from 1', undefined, knowing({ generation: 2 }));
  ofThreshold('a key that is no point', ['beacon'], knowing({ key: `0x${'00'.repeat(48)}` }));
  edited('a quorum for an epoch that a generation has', ['beacon'], {
    set: 'trust/generations',
    to: [{ generation: 1, key: otherKey, firstEpoch: '7' }],
  });
  edited('a quorum for an epoch before every generation', [], {
    set: 'trust/generations',
    to: [{ generation: 1, key: otherKey, firstEpoch: '8' }],
  });

  const startMs = 1_700_000_000_000n;
  const expiry = (expiresAtMs: bigint) =>
    ({ bend: { order: (o) => ({ ...o, expiresAtMs }) } }) as Partial<SyntheticReceiptOptions>;
  signed('a start 30 s after the expiry', ['times'], expiry(startMs - 30_000n));
  signed('a start 29.999 s after the expiry', [], expiry(startMs - 29_999n));
  const stranger = createNobleLedgerSigner(fill(32, 0x35));
  signed('a validator that signs for another one', ['admission', 'intake'], { validatorKey: stranger });
  signed('an admission of another order', ['admission'], { bendAdmission: (a) => ({ ...a, orderHash: fill(32, 0) }) });
  signed('an admission in the name of another validator', ['admission'], {
    bendAdmission: (a) => ({ ...a, validator: stranger.address }),
  });
  signed('an admission in the last moment of the order', [], {
    bendAdmission: (a) => ({ ...a, timeMs: 2_000_000_000_000n - 1n }),
  });
  signed('an admission of an order that had expired', ['admission'], {
    bendAdmission: (a) => ({ ...a, timeMs: 2_000_000_000_000n }),
  });
  signed('an intake of another record', ['intake'], { bendIntake: (i) => ({ ...i, recordHash: fill(32, 0) }) });
  signed('an intake under another order', ['intake'], { bendIntake: (i) => ({ ...i, orderHash: fill(32, 0) }) });
  signed('an intake an epoch later', [], { bendIntake: (i) => ({ ...i, epoch: i.epoch + 1n }) });
  signed('an intake before the admission', ['intake'], { bendIntake: (i) => ({ ...i, epoch: i.epoch - 1n }) });
  signed('an end before the start', ['times'], { bend: { record: (r) => ({ ...r, endNs: r.startNs - 1n }) } });
  signed('another model root in the record', ['model-root', 'order-binding'], {
    bend: { record: (r) => ({ ...r, modelRoot: fill(32, 0) }) },
  });
  signed('another provider', ['provider-identity'], {
    bend: { order: (o) => ({ ...o, providerId: fill(32, 1) }) },
    bendTicket: (t) => ({ ...t, providerId: fill(32, 1) }),
  });
  signed('another payee in the ticket', ['ticket'], { bendTicket: (t) => ({ ...t, payee: fill(20, 0) }) });
  signed('another model in the ticket', ['ticket'], {
    bendTicket: (t) => ({ ...t, modelId: 'ogong/verified/test/x' }),
  });
  signed(
    'another temperature',
    ['listing', 'sampler'],
    header((h) => ({ sampler: { ...h.sampler, temperatureQ16: 60_000, presencePenaltyQ16: 0 } })),
  );
  signed('a longer limit', ['sampler', 'token-count'], header({ maxTokens: 4 }));
  signed(
    'a prompt of the next day',
    ['sampler'],
    header((h) => ({ promptDay: h.promptDay + 1 })),
  );
  signed('a model with two adapters', [], { parts: [fill(32, 0), fill(32, 1), fill(32, 2)] });
  signed('an adapter', ['sampler'], header({ parts: [fill(32, 0), fill(32, 1)] }));
  signed('the method of another tier', ['posture'], header({ method: 'exact-replay' }));
  signed('a header in a planned tier', ['posture', 'sampler'], header({ tier: 'proof' }));
  signed('a header of tier vanilla over draws', ['commitment-form'], header({ tier: 'vanilla', method: 'signature' }));
  for (const tier of ['proof']) {
    signed(`planned tier ${tier}, asked for and served`, ['evidence', 'posture'], {
      ...header({ tier }),
      parameters: { model: `ogong/${tier}/test/synthetic` },
      bendTicket: (t) => ({ ...t, modelId: `ogong/${tier}/test/synthetic` }),
    });
  }
  const vanilla = (what: string, failed: readonly string[], bent: Partial<SyntheticReceiptOptions>): void =>
    signed(`vanilla: ${what}`, failed, bent, 'vanilla');
  vanilla('the method of another tier', ['posture'], header({ method: 'draw-replay' }));
  vanilla('a class that claims to be exact', ['posture'], header({ numericClass: 'a/b/c/exact/d/e' }));
  vanilla('another tier in the header', ['commitment-form'], header({ tier: 'verified', method: 'draw-replay' }));
  vanilla('named tokens that are other than hashed', ['token-count'], header({ outputTokensHash: fill(32, 1) }));
  vanilla('more tokens than the windows hold', ['token-count'], header({ outputTokenCount: 2 }));
  vanilla('a root that is not its name', ['model-root', 'order-binding'], {
    bend: { record: (r) => ({ ...r, modelRoot: fill(32, 0) }) },
  });
  signed(
    'asked for verified, served as vanilla',
    ['sampler', 'ticket'],
    {
      parameters: { model: 'ogong/verified/test/synthetic' },
    },
    'vanilla',
  );
  const replay = (numericClass: string): Partial<SyntheticReceiptOptions> => ({
    ...header({ tier: 'replay', method: 'exact-replay', numericClass }),
    parameters: { model: 'ogong/replay/test/synthetic' },
    bendTicket: (t) => ({ ...t, modelId: 'ogong/replay/test/synthetic' }),
  });
  const exact = 'llama.cpp-0.5.0/cpu/haswell/exact/q8_0/kv-f16';
  signed('tier replay', [], replay(exact));
  for (const departure of ['unified', 'window-', 'window-0']) {
    signed(`tier replay, ${departure}`, ['posture'], replay(`${exact}/${departure}`));
  }
  signed(
    'tier replay, reference kernels on f16',
    ['posture'],
    replay('llama.cpp-0.5.0/cpu/haswell/reference/f16/kv-f16'),
  );
  signed(
    'a shape class that the numeric class has not',
    ['shape-classes'],
    header({ numericClass: 'llama.cpp-0.5.0/vulkan/device-driver/shaped/q8_0/kv-f16/no-fa' }),
  );
  signed('another bank of directions', ['sketch-bank'], header({ sketchBankSeed: fill(32, 0) }));
  signed(
    'another nonce',
    ['draw-key', 'draw-replay'],
    header((h) => ({ drawKey: { ...h.drawKey, nonce: fill(32, 0) } as Header['drawKey'] })),
  );
  signed('another payee', ['payee'], header({ payee: fill(20, 0) }));
  signed('a stop string that was not asked for', ['stop-strings'], header({ stopReason: 'stop-string' }));
  const cut = header({ stopReason: 'cancelled' });
  signed('a reply that was cut off', ['stop-strings'], cut);
  signed('a reply that its payer left', [], { ...cut, progress: { textBytes: 0, hasLeft: true } });
  signed('a reply that was cut off when its payer had most of it', [], {
    ...{ ...cut, progress: { textBytes: 9, hasLeft: false } },
  });
  signed('a reply that somebody else left', ['stop-strings'], {
    ...{ ...cut, progress: { textBytes: 0, hasLeft: true, by: createNobleLedgerSigner(fill(32, 0x35)) } },
  });
  signed('a context that is not used up', ['context'], header({ stopReason: 'context' }));
  signed('more tokens than the announced context', ['context'], {
    bend: { order: (o) => ({ ...o, contextSize: 1 }) },
  });
  signed('a stop string in the text', ['stop-strings'], { parameters: { stop: ['story'] } });
  signed(
    'another token',
    ['draw-replay'],
    row(({ rank }) => ({ rank: rank === 0 ? 1 : 0 })),
  );
  signed(
    'a tail that does not fit',
    ['listing'],
    row(({ tail }) => ({ tail: tail + 3000 })),
  );
  signed('a list of 19', ['listing'], {
    parameters: { temperature: 0 },
    bend: { row: (r, i) => (i === 1 ? { ...r, ids: r.ids.slice(0, 19), q: r.q.slice(0, 19) } : r) },
  });
  signed('a tail at temperature 0', ['listing'], { parameters: { temperature: 0 }, ...row(() => ({ tail: 1 })) });
  const everything = row(({ ids }) => ({
    tail: 2 ** 24 - 1,
    rank: -1,
    tailId: [0, 1, 2, 3].find((id) => !ids.includes(id)) ?? 511,
    tailQ: 900_000,
  }));
  signed('a tail that takes every draw, under a penalty', ['listing'], {
    parameters: { presence_penalty: 0.1 },
    ...everything,
  });
  signed('a tail that takes every draw, under a bias of 0', ['listing'], {
    parameters: { logit_bias: { 5: 0 } },
    ...everything,
  });
  signed('another token count in the record', ['token-count'], { bend: { record: (r) => ({ ...r, tokenCount: 4 }) } });
  const chatBound = 'Once upon a time'.length + 64 + 64;
  signed('as many prompt tokens as a chat can make', [], header({ promptTokenCount: chatBound }));
  signed('one prompt token more', ['fee'], header({ promptTokenCount: chatBound + 1 }));
  const bound = 'Once upon a time'.length + 64;
  signed('as many prompt tokens as the prompt can make', [], header({ promptTokenCount: bound }), 'completion');
  signed('one prompt token more', ['fee'], header({ promptTokenCount: bound + 1 }), 'completion');
  signed('a completion that says it is a chat', ['sampler'], header({ endpoint: 'chat' }), 'completion');
  cases.push({
    ...{ what: 'a completion read as a chat', base: 'completion', failed: ['format'] },
    edits: [{ set: 'receipt/endpoint', to: 'chat' }],
  });

  addCohortCases(cases, { signed, cohort: (bases.cohort as (typeof bases)[string]).made });
  const inexact: SyntheticCohort = {
    terms: (terms) => ({
      ...terms,
      members: terms.members.map((member, place) =>
        place === 1 ? { ...member, numericClass: `${exact}/no-fa` } : member,
      ),
    }),
  };
  signed('a cohort of tier replay', [], { ...replay(exact), cohort: {} }, 'cohort');
  signed('a shard whose class is not of the tier', ['cohort'], { ...replay(exact), cohort: inexact }, 'cohort');
  const demanding = { ...header({ numericClass: exact }), parameters: { ogong: { exact: true } } };
  signed('an exact class of all shards, as demanded', [], { ...demanding, cohort: {} }, 'cohort');
  signed('a shard whose class is not exact, as demanded', ['cohort'], { ...demanding, cohort: inexact }, 'cohort');

  const listed = async (made: ReceiptCase): Promise<readonly string[]> =>
    (await judgeReceiptCase(crypto, made))?.checks.map(({ id }) => id) ?? [];
  const describe = (one: Bent): Promise<unknown> =>
    describeCase(crypto, (bases[one.base] as (typeof bases)[string]).made, one);
  const isSigned = ({ edits }: Bent): boolean =>
    edits.some((edit) => 'set' in edit && edit.set === 'receipt/record/signature');
  return {
    receipt: {
      bases: Object.fromEntries(
        await Promise.all(
          Object.entries(bases).map(
            async ([name, { made }]) => [name, { ...made, checks: await listed(made) }] as const,
          ),
        ),
      ),
      cases: await Promise.all(cases.filter((one) => !isSigned(one)).map(describe)),
    },
    'receipt-signed': await Promise.all(cases.filter(isSigned).map(describe)),
  };
}

/** Agreements and roots of a cohort, changed with and without the keys of its members. */
function addCohortCases(
  cases: Bent[],
  {
    cohort,
    signed,
  }: {
    readonly cohort: ReceiptCase;
    readonly signed: (
      what: string,
      failed: readonly string[],
      bent: Partial<SyntheticReceiptOptions>,
      base?: string,
    ) => void;
  },
): void {
  const agreement = fromBase64(cohort.receipt.cohort as string);
  const edited = (what: string, failed: readonly string[] | undefined, ...edits: Edit[]): void =>
    void cases.push({ what, base: 'cohort', edits, failed });
  edited('a hidden agreement', ['cohort'], { remove: 'receipt/cohort' });
  edited('the last byte of a consent', ['cohort'], { flip: 'receipt/cohort', at: agreement.length - 1 });
  edited('the manifest of the agreement', ['cohort'], { flip: 'receipt/cohort', at: 100 });
  edited('a cut agreement', ['cohort'], { cut: 'receipt/cohort', bytes: 1 });
  edited('a compact receipt of a cohort', [], { set: 'receipt/opening', to: { url: '/v1/receipts/0/opening' } });
  edited('unusable: an agreement of no bytes', undefined, { set: 'receipt/cohort', to: '' });
  const bent = (what: string, failed: readonly string[], change: SyntheticCohort): void =>
    signed(what, failed, { cohort: change }, 'cohort');
  const members = (change: (member: CohortMember, place: number) => Partial<CohortMember>): SyntheticCohort => ({
    terms: (terms) => ({
      ...terms,
      members: terms.members.map((member, place) => ({ ...member, ...change(member, place) })),
    }),
  });
  bent('an agreement to another order', ['cohort'], { terms: (terms) => ({ ...terms, orderHash: fill(32, 0) }) });
  bent('an agreement about another model', ['cohort'], { terms: (terms) => ({ ...terms, modelRoot: fill(32, 0) }) });
  bent('an agreement under another escrow', ['cohort'], { terms: (terms) => ({ ...terms, escrow: fill(20, 0) }) });
  bent('a shard that has not agreed', ['cohort'], { unsigned: 0 });
  bent(
    'layers with a gap',
    ['cohort'],
    members(({ firstLayer }, place) => (place === 1 ? { firstLayer: firstLayer + 1 } : {})),
  );
  bent(
    'prices that do not sum to that of the order',
    ['cohort'],
    members(({ pricePer1kAtomic }) => ({ pricePer1kAtomic: pricePer1kAtomic + 1n })),
  );
  bent(
    'another class than the leader served in',
    ['cohort'],
    members(() => ({ numericClass: 'another/class' })),
  );
  bent(
    'a session key of two shards',
    ['cohort'],
    members(() => ({ sessionKey: fill(32, 1) })),
  );
  bent(
    'a shard without a payee',
    ['cohort'],
    members((_, place) => (place === 0 ? { payee: fill(20, 0) } : {})),
  );
  bent(
    'another payee of the leader',
    ['cohort'],
    members((_, place) => (place === 2 ? { payee: fill(20, 1) } : {})),
  );
  bent('no root of the second shard', ['boundary-chain'], { roots: ([first]) => [first, undefined] });
  bent('a list without the second root', ['boundary-chain'], { roots: ([first]) => [first] });
  bent('a root too many', ['boundary-chain', 'boundary-inputs'], { roots: (roots) => [...roots, roots[0]] });
  bent('no roots', ['boundary-chain'], { roots: () => [] });
  bent('roots of a position too few', ['boundary-chain', 'boundary-form'], { positions: 4 });
  bent('roots of rows of guesses behind the reply', ['boundary-chain', 'boundary-form'], { positions: 9 });
  bent('the roots in the wrong places', ['boundary-inputs', 'boundary-signatures'], {
    roots: (roots) => [...roots].reverse(),
  });
  bent('another root than the shard signed', ['boundary-roots', 'boundary-signatures'], {
    roots: ([first, ...rest]) => [first && { ...first, root: fill(32, 0) }, ...rest],
  });
  bent('other tokens to the first shard', ['boundary-inputs'], { inputs: { 0: fill(32, 0) } });
  bent('other rows to the second shard', ['boundary-inputs'], { inputs: { 1: fill(32, 0) } });
  bent('a root of no turns', ['boundary-signatures'], {
    roots: ([first, ...rest]) => [first && { ...first, turns: 0 }, ...rest],
  });
}

/** @throws if the code finds other failures than the case states. */
export async function describeCase(
  crypto: Crypto,
  base: ReceiptCase,
  { what, base: name, edits, failed }: Bent,
): Promise<unknown> {
  const verdict = await judgeReceiptCase(crypto, editReceiptCase(base, edits));
  const idsOf = (wanted: string): string[] =>
    (verdict?.checks ?? []).filter(({ status }) => status === wanted).map(({ id }) => id);
  const found = verdict && idsOf('fail').sort();
  if (JSON.stringify(found) !== JSON.stringify(failed && [...failed].sort())) {
    throw new Error(`${name}, ${what}: ${found} fail, not ${failed}`);
  }
  const given = { what, base: name, edits };
  if (verdict === undefined) return { ...given, isUsable: false };
  const listed = verdict.checks.map(({ id }) => id);
  const absent = ((await judgeReceiptCase(crypto, base))?.checks ?? [])
    .map(({ id }) => id)
    .filter((id) => !listed.includes(id));
  // All other checks of the base pass.
  return {
    ...given,
    isUsable: true,
    isOk: verdict.ok,
    failed: found,
    skipped: idsOf('skip').sort(),
    absent: absent.sort(),
  };
}
