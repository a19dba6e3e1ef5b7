import { checkCodec } from '@ogong/testing/protocol/codec-compliance';
import { createSyntheticTensors, SYNTHETIC_SIGNATURE } from '@ogong/testing/synthetic/synthetic-tensors';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProtocolError, toBase64, utf8Encode } from '../../base/bytes.ts';
import type { Check } from '../../base/checks.ts';
import type { WindowBytes } from '../../commitment/opening.ts';
import { nobleCrypto as crypto } from '../../crypto/noble.ts';
import type { NamedOrder } from '../../exchange/order.ts';
import { NO_DEMANDS } from '../demands.ts';
import { NO_PREFERENCE } from '../shared/preference-fields.ts';
import { adjudicateTensors, checkTensorReport } from './adjudicate.ts';
import { computeTensorDistance } from './distance.ts';
import { encodeTensorHeader, parseTensorHeader, type TensorHeader } from './header.ts';
import { checkTensorHeader } from './header-checks.ts';
import { replayTensors } from './replay.ts';
import { encodeTensorReport, parseTensorReport, type TensorReport } from './report.ts';
import { parseTensorRequest } from './request.ts';
import { encodeTensorSummary, parseTensorSummary } from './request-summary.ts';
import { bindRequest, OPEN_SIZE } from './signature.ts';
import { decodeTensorData, encodeTensorData } from './tensor-data.ts';
import type { Tensor, TensorType } from './tensor-form.ts';
import { formatTensors, readShownTensors } from './tensor-json.ts';
import { encodeTensorResponse, parseTensorResponse } from './tensor-list.ts';

const honest = createSyntheticTensors({ crypto });
const model = 'ogong/verified/a/b';
const body = (fields: object): Uint8Array => utf8Encode(JSON.stringify({ model, ...fields }));
const failures = (checks: readonly Check[]): string[] =>
  checks.filter(({ status }) => status === 'fail').map(({ id }) => id);
const tensorOf = (
  dtype: TensorType,
  values: readonly unknown[],
  shape: readonly number[] = [values.length],
): Tensor => ({
  ...{ name: 'y', dtype, shape, data: encodeTensorData(dtype, values as never[]) },
});

describe('parseTensorRequest', () => {
  it('infers shapes, counts units, and names the outputs', () => {
    const inputs = {
      a: [
        [1, 2],
        [3, 4],
      ],
      b: 'twelve bytes',
      c: true,
      d: { dtype: 'uint8', shape: [2], data: 'AQI=' },
    };
    const request = parseTensorRequest(body({ inputs, outputs: ['y'], user: 'x' }));
    expect(request).toMatchObject({ endpoint: 'infer', model, outputs: ['y'], demands: NO_DEMANDS, dropped: [] });
    expect(request).toMatchObject({ promptTokenBound: 4 + 3 + 1 + 2, preference: NO_PREFERENCE });
    expect(request.inputs.map(({ name, dtype, shape }) => [name, dtype, shape])).toEqual([
      ...[
        ['a', undefined, [2, 2]],
        ['b', undefined, []],
        ['c', undefined, []],
        ['d', 'uint8', [2]],
      ],
    ]);
    expect(parseTensorRequest(body({ inputs: { a: [] } })).promptTokenBound).toBe(1);
    const summary = encodeTensorSummary(request, new Uint8Array(32));
    expect(parseTensorSummary(summary)).toMatchObject({ promptTokenBound: 10, outputs: ['y'], model });
  });

  const deep = (depth: number): unknown => (depth === 0 ? 1 : [deep(depth - 1)]);
  it.each([
    ['no inputs', {}, 'inputs'],
    ['an empty object of inputs', { inputs: {} }, 'inputs'],
    ['too many inputs', { inputs: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`i${i}`, 1])) }, 'inputs'],
    ['a name that is too long', { inputs: { ['a'.repeat(129)]: 1 } }, `inputs.${'a'.repeat(128)}`],
    ['lists that are not rectangular', { inputs: { a: [[1], [2, 3]] } }, 'inputs.a'],
    ['a value beside a list', { inputs: { a: [1, [2]] } }, 'inputs.a'],
    ['null', { inputs: { a: [null] } }, 'inputs.a'],
    ['nine dimensions', { inputs: { a: deep(9) } }, 'inputs.a'],
    ['another type', { inputs: { a: { dtype: 'float16', shape: [], data: [1] } } }, 'inputs.a.dtype'],
    ['a negative size', { inputs: { a: { dtype: 'int32', shape: [-1], data: [1] } } }, 'inputs.a.shape'],
    ['a shape of too many values', { inputs: { a: { dtype: 'int32', shape: [2 ** 30, 9], data: [] } } }, 'inputs.a'],
    ['less data than its shape', { inputs: { a: { dtype: 'int32', shape: [2], data: [1] } } }, 'inputs.a.data'],
    ['half a value', { inputs: { a: { dtype: 'int32', shape: [1], data: 'AQI=' } } }, 'inputs.a.data'],
    ['base64 of strings', { inputs: { a: { dtype: 'string', shape: [1], data: 'AQI=' } } }, 'inputs.a.data'],
    ['no outputs', { inputs: { a: 1 }, outputs: [] }, 'outputs'],
    ['an output twice', { inputs: { a: 1 }, outputs: ['y', 'y'] }, 'outputs'],
    ['a stream', { inputs: { a: 1 }, stream: true }, 'stream'],
    ['the fields of another server', { instances: [1], inputs: { a: 1 } }, 'instances'],
  ])('refuses %s', (_what, fields, param) => {
    expect(() => parseTensorRequest(body(fields))).toThrow(expect.objectContaining({ name: 'RequestError', param }));
  });
});

describe('bindRequest', () => {
  const bind = (dtype: TensorType, value: unknown, sizes: readonly number[] = []) => {
    const spec = { name: 'y', dtype: 'float32', sizes: [] } as const;
    const signature = { inputs: [{ name: 'a', dtype, sizes }], outputs: [spec] };
    return bindRequest(parseTensorRequest(body({ inputs: { a: value } })), signature);
  };
  const valuesOf = (dtype: TensorType, value: unknown) => decodeTensorData(bind(dtype, value).inputs[0] as Tensor);

  it('makes the model’s type of numbers, texts and bytes', () => {
    expect(valuesOf('float32', [0.1, 'NaN', '-Infinity'])).toEqual([Math.fround(0.1), Number.NaN, -Infinity]);
    expect(valuesOf('int64', ['9223372036854775807', '-1'])).toEqual([2n ** 63n - 1n, -1n]);
    expect(valuesOf('int64', [2 ** 53 - 1])).toEqual([2n ** 53n - 1n]);
    expect(valuesOf('bool', [true, false])).toEqual([true, false]);
    expect(valuesOf('string', ['é'])).toEqual(['é']);
    const bytes = toBase64(encodeTensorData('float64', [0.1]));
    expect(valuesOf('float64', { dtype: 'float64', shape: [1], data: bytes })).toEqual([0.1]);
    expect(bind('int32', [[1, 2]], [OPEN_SIZE, 2]).outputs).toEqual(['y']);
  });

  it.each([
    ['a fraction for an integer', 'int32', [1.5]],
    ['an integer beyond 32 bits', 'int32', [2 ** 31]],
    ['a number that has lost digits', 'int64', [2 ** 60]],
    ['an integer beyond 64 bits', 'int64', ['9223372036854775808']],
    ['a negative byte', 'uint8', [-1]],
    ['a number beyond f32', 'float32', [1e300]],
    ['a number for a truth value', 'bool', [1]],
    ['a number for a text', 'string', ['a', 1]],
    ['a text for a number', 'float64', [1, 'b']],
    ['a truth value besides 0 and 1', 'bool', { dtype: 'bool', shape: [1], data: 'Ag==' }],
    ['another stated type', 'float32', { dtype: 'float64', shape: [1], data: [1] }],
  ] as const)('refuses %s', (_what, dtype, value) => {
    expect(() => bind(dtype, value)).toThrow(expect.objectContaining({ name: 'RequestError', param: 'inputs.a' }));
  });

  it('refuses another shape, a missing input, a stranger, and an output that the model lacks', () => {
    expect(() => bind('int32', [[1, 2]], [OPEN_SIZE, 3])).toThrow('[?, 3], not [1, 2]');
    const asked = (inputs: object, outputs?: string[]) =>
      bindRequest(parseTensorRequest(body({ inputs, ...(outputs && { outputs }) })), SYNTHETIC_SIGNATURE);
    const whole = { x: [[1, 2, 3]], name: 'a' };
    expect(asked(whole, ['labels', 'scores']).outputs).toEqual(['labels', 'scores']);
    expect(() => asked({ x: [[1, 2, 3]] })).toThrow('the input name is missing');
    expect(() => asked({ ...whole, z: 1 })).toThrow('the model has no input z');
    expect(() => asked(whole, ['z'])).toThrow('the model has no output z');
  });
});

describe('values', () => {
  it('have one committed spelling, and no other bytes parse', () => {
    const { outputs, response } = honest;
    expect(encodeTensorResponse(parseTensorResponse(response))).toEqual(response);
    const minusZero = [tensorOf('float64', [-0])];
    expect(() => encodeTensorResponse(minusZero)).toThrow(ProtocolError);
    const otherNaN = { ...tensorOf('float32', [0]), data: Uint8Array.of(1, 0, 0xc0, 0x7f) };
    expect(() => encodeTensorResponse([otherNaN])).toThrow('another spelling');
    expect(() => encodeTensorResponse([{ ...tensorOf('bool', [true]), data: Uint8Array.of(2) }])).toThrow('a bool');
    const badText = { ...tensorOf('string', ['a']), data: Uint8Array.of(0, 0, 0, 1, 0xff) };
    expect(() => encodeTensorResponse([badText])).toThrow('invalid UTF-8');
    expect(() => encodeTensorResponse([...outputs, outputs[0] as Tensor])).toThrow('one name');
    expect(() => encodeTensorResponse([tensorOf('uint8', new Array(2 ** 20).fill(1))])).toThrow(ProtocolError);
  });

  it('are shown by JSON without loss, and only as they are shown', () => {
    const special = [Number.NaN, Number.POSITIVE_INFINITY, 0.1];
    const tensors = [...honest.outputs, { ...tensorOf('float64', special), name: '2' }];
    const shown = formatTensors({ model }, { tensors, units: 4 });
    expect(shown.outputs.ids?.data).toEqual([-1, '1152921504606846976']);
    expect(shown.outputs['2']?.data).toEqual(['NaN', 'Infinity', 0.1]);
    const sent = JSON.parse(JSON.stringify(shown)) as typeof shown;
    expect(readShownTensors(sent)).toEqual(encodeTensorResponse(tensors));
    const bend = (change: object) => ({ ...sent, outputs: { ...sent.outputs, ...change } });
    for (const bent of [
      ...[null, {}, { ...sent, output_names: ['scores'] }, { ...sent, output_names: [...sent.output_names].fill('x') }],
      ...[bend({ ids: { ...sent.outputs.ids, data: [1.5, 2] } }), bend({ ids: { ...sent.outputs.ids, shape: [3] } })],
      ...[bend({ scores: { ...sent.outputs.scores, data: [0.1, 1, 1, 1] } }), bend({ labels: 'a' })],
    ])
      expect(() => readShownTensors(bent)).toThrow(ProtocolError);
  });
});

describe('formats', () => {
  const ofBytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
  const anyHeader = fc.record({
    orderHash: ofBytes(32),
    endpoint: fc.constant('infer' as const),
    tier: fc.string({ maxLength: 8 }),
    method: fc.string({ maxLength: 8 }),
    numericClass: fc.string({ maxLength: 40 }),
    vocabularyHash: ofBytes(32),
    embeddingSize: fc.constant(0 as const),
    sketchDirections: fc.constant(16 as const),
    sketchBankSeed: ofBytes(32),
    choice: fc.nat(255),
    promptTokensHash: ofBytes(32),
    promptTokenCount: fc.integer({ min: 1, max: 2 ** 20 }),
    outputTokenCount: fc.constant(0 as const),
    leafCount: fc.constant(1),
    outputs: fc
      .record({ dtype: fc.constantFrom<TensorType>('bool', 'string'), shape: fc.array(fc.nat(4), { maxLength: 8 }) })
      .map(({ dtype, shape }) => [{ form: { name: 'y', dtype, shape }, sizeBytes: 7 }]),
    parts: fc.array(ofBytes(32), { maxLength: 9 }).filter(({ length }) => length !== 1),
    payee: ofBytes(20),
  });
  const anyReport = fc.record({
    jobId: ofBytes(16),
    modelRoot: ofBytes(32),
    numericClass: fc.string({ maxLength: 40 }),
    exact: fc.boolean(),
    vocabularyHash: ofBytes(32),
    promptTokensHash: ofBytes(32),
    elapsedMs: fc.nat(2 ** 31 - 1),
    outputs: fc.constantFrom(new Uint8Array(0), honest.response),
  });

  it('have one encoding of a header', () => checkCodec(anyHeader, encodeTensorHeader, parseTensorHeader));
  it('have one encoding of a report', () => checkCodec(anyReport, encodeTensorReport, parseTensorReport));

  it.each<[string, Partial<TensorHeader>]>([
    ['no outputs', { outputs: [], leafCount: 1 }],
    ['an output twice', { outputs: [...honest.header.outputs, ...honest.header.outputs] }],
    ['another number of leaves', { leafCount: honest.header.leafCount + 1 }],
    ['no units', { promptTokenCount: 0 }],
    ['output tokens', { outputTokenCount: 1 as 0 }],
    ['sketched vectors', { embeddingSize: 1 as 0 }],
  ])('refuse a header of %s', (_what, bent) => {
    expect(() => encodeTensorHeader({ ...honest.header, ...bent })).toThrow(ProtocolError);
  });

  it('have room for the names and shapes of all outputs', () => {
    const outputs = Array.from({ length: 64 }, (_, i) => ({
      form: { name: String(i).padStart(128, 'n'), dtype: 'bool' as const, shape: [1, 1, 1, 1, 1, 1, 1, 1] },
      sizeBytes: 1,
    }));
    expect(encodeTensorHeader({ ...honest.header, outputs, leafCount: 64 }).length).toBeLessThan(16_384);
  });
});

describe('stage 1', () => {
  const replay = (opening: Partial<typeof honest.opening>, record: Partial<typeof honest.record> = {}) =>
    replayTensors(crypto, { ...honest.record, ...record }, { ...honest.opening, ...opening }).checks;
  const header = (bent: Partial<TensorHeader>) => ({ header: encodeTensorHeader({ ...honest.header, ...bent }) });
  const [first, ...rest] = honest.opening.windows as [WindowBytes, ...WindowBytes[]];
  const bend = (sketch: Uint8Array) => ({ windows: [{ ...first, sketch }, ...rest] });
  const outputs = honest.header.outputs.map((output, i) => (i === 0 ? { ...output, sizeBytes: 1 } : output));

  it('passes an honest reply in every check, and joins its outputs', () => {
    expect(honest.header.leafCount).toBe(5);
    expect(replay({}).map(({ id, status }) => `${id} ${status}`)).toEqual([
      ...['commitment-form pass', 'posture pass', 'token-count pass', 'tensors pass'],
    ]);
    expect(replayTensors(crypto, honest.record, honest.opening).outputs).toEqual(honest.outputs);
  });

  it.each([
    ['a value of another bit', bend(first.sketch.map((byte, i) => (i === 0 ? byte ^ 1 : byte))), {}, ['tensors']],
    ['a value of -0', bend(new Uint8Array(16).fill(0x80, 3, 4)), {}, ['commitment-form']],
    ['a leaf that is cut', bend(first.sketch.slice(1)), {}, ['commitment-form']],
    ['a leaf too few', { windows: rest }, {}, ['commitment-form']],
    ['a leaf too many', { windows: [first, first, ...rest] }, {}, ['commitment-form']],
    ['leaves in another order', { windows: [...rest, first] }, {}, ['commitment-form']],
    ['another size than its shape has', header({ outputs }), {}, ['commitment-form']],
    ['another count in the record', {}, { tokenCount: 4 }, ['token-count']],
    ['another response', {}, { responseHash: new Uint8Array(32) }, ['tensors']],
    ['a tier that its method does not check', header({ method: 'exact-replay' }), {}, ['posture']],
    ['a header of another kind', { header: utf8Encode('ogong-header-v2\n') }, {}, ['commitment-form']],
  ])('fails for %s', (_what, opening, record, ids) => {
    expect(failures(replay(opening, record))).toEqual(ids);
  });

  const context = {
    order: { choice: 0, payee: honest.header.payee, orderHash: honest.header.orderHash, contextSize: 5 } as NamedOrder,
    ...{ request: honest.request, response: honest.response, beacon: undefined, mayBeCancelled: false },
  };
  const check = (bent: Partial<TensorHeader>, changed: object = {}) =>
    failures(checkTensorHeader(crypto, { ...honest.header, ...bent }, { ...context, ...changed }));

  it.each<[string, string[], Partial<TensorHeader>, object]>([
    ['agree', [], {}, {}],
    [
      'have the outputs that were asked for',
      [],
      {},
      {
        request: { ...honest.request, outputs: honest.outputs.map(({ name }) => name) },
      },
    ],
    ['lack an output that was asked for', ['inputs'], {}, { request: { ...honest.request, outputs: ['scores'] } }],
    ['bill other units', ['inputs'], { promptTokenCount: 4 }, {}],
    ['have a choice', ['inputs'], { choice: 1 }, {}],
    ['have adapters', ['inputs'], { parts: [new Uint8Array(32), new Uint8Array(32)] }, {}],
    ['have another tier', ['inputs'], { tier: 'replay' }, {}],
    ['name another order', ['header-order'], { orderHash: new Uint8Array(32) }, {}],
    ['name another payee', ['payee'], { payee: new Uint8Array(20) }, {}],
    ['have a response of another size', ['response-size'], {}, { response: honest.response.slice(1) }],
    ['have more units than the context', ['context'], {}, { order: { ...context.order, contextSize: 4 } }],
    [
      'use another bank',
      ['sketch-bank'],
      {},
      {
        order: { ...context.order, modelRoot: new Uint8Array(32) },
        beacon: { value: new Uint8Array(32), previous: new Uint8Array(32) },
      },
    ],
    [
      'are not exact, which was demanded',
      ['demands'],
      { numericClass: 'fake-1/js/f64/fast/hash/kv-none' },
      {
        request: { ...honest.request, demands: { ...NO_DEMANDS, exact: true } },
      },
    ],
  ])('headers %s', (_what, ids, bent, changed) => {
    expect(check(bent, changed)).toEqual(ids);
  });
});

describe('labels in a class that is not exact', () => {
  const FAST = 'fake-1/js/f64/fast/hash/kv-none';
  const NEAR = 1.00003;
  const scored = (labels: readonly unknown[], rows: readonly (readonly number[])[], dtype: TensorType = 'string') => [
    { ...tensorOf(dtype, labels), name: 'label' },
    { ...tensorOf('float32', rows.flat(), [rows.length, rows[0]?.length ?? 0]), name: 'scores' },
  ];
  /** Judges a claimed label against a verifier's. */
  const judge = (claimed: readonly Tensor[], own: readonly Tensor[]) => {
    const { header, report } = createSyntheticTensors({ crypto, outputs: claimed });
    const seen = { ...report, exact: false, numericClass: FAST, outputs: encodeTensorResponse(own) };
    return adjudicateTensors({ header, outputs: claimed }, seen).outcome;
  };
  const clear = [3, 1, 0];
  const tie = [1, NEAR, 0.5];
  const tied = scored(['cat', 'dog'], [clear, tie]);

  it('are left out of the comparison on a tie, and never accepted there', () => {
    expect(judge(tied, tied)).toBe('accept');
    expect(judge(scored(['cat', 'owl'], [clear, [NEAR, 1, 0.5]]), tied)).toBe('inconclusive');
    const kept = scored([0, 1], [clear, tie], 'int32');
    const shaped = (labels: readonly Tensor[]) =>
      labels.map((output) => (output.name === 'label' ? { ...output, shape: [2, 1] } : output));
    const swapped = scored([0, 2], [clear, tie], 'int32');
    expect(judge(shaped(swapped), shaped(kept))).toBe('inconclusive');
    const two = scored(['no'], [[0.5, 0.5]]);
    expect(judge(scored(['yes'], [[0.5, 0.5]]), two)).toBe('inconclusive');
  });

  it.each<[string, readonly Tensor[], readonly Tensor[]]>([
    ['beside a clear margin', scored(['dog', 'dog'], [clear, tie]), tied],
    ['beside a margin above drift', scored(['a'], [[1, 1.001, 0]]), scored(['b'], [[1, 1.001, 0]])],
    ['that belongs to a column far below', scored(['a', 'a'], [[0, 0, 3], tie]), scored(['a', 'b'], [[0, 0, 3], tie])],
    ['with scores far from the own ones', scored(['cat', 'owl'], [clear, [2, 1, 0.5]]), tied],
    [
      'without scores',
      tied.slice(0, 1).map((one) => ({ ...one, data: encodeTensorData('string', ['cat', 'owl']) })),
      tied.slice(0, 1),
    ],
    ['beside equal values, which are no scores', scored(['a'], [[0, 0, 0]]), scored(['b'], [[0, 0, 0]])],
    [
      'beside values that contradict the labels',
      scored(['a', 'b', 'd'], [clear, clear, tie]),
      scored(['a', 'b', 'c'], [clear, clear, tie]),
    ],
    ['beside a value that is no number', scored(['a'], [[Number.NaN, 1, 1]]), scored(['b'], [[Number.NaN, 1, 1]])],
    ['of truth values', scored([true], [[1, 1]], 'bool'), scored([false], [[1, 1]], 'bool')],
  ])('are rejected if they differ %s', (_what, claimed, own) => {
    expect(judge(claimed, own)).toBe('reject');
  });
});

describe('stage 2', () => {
  const { report, header, outputs } = honest;
  const claim = { modelRoot: report.modelRoot, header, outputs };
  const FAST = 'fake-1/js/f64/fast/hash/kv-none';
  const judge = (bent: Partial<TensorReport>) => {
    const { outcome, checks, fault } = adjudicateTensors(claim, { ...report, ...bent });
    return [outcome, failures(checks), fault?.isFact];
  };
  const withOutput = (index: number, change: Partial<Tensor>): Uint8Array =>
    encodeTensorResponse(outputs.map((output, i) => (i === index ? { ...output, ...change } : output)));
  const other = { data: encodeTensorData('int64', [-1n, 5n]) };

  it('accepts the report of an honest verifier, and no report on another job or model', () => {
    const shape = (bent: Partial<TensorReport>) =>
      checkTensorReport({ ...report, ...bent }, { ...claim, jobId: report.jobId }).status;
    expect([shape({}), shape({ jobId: new Uint8Array(16) })]).toEqual(['pass', 'fail']);
    expect(shape({ modelRoot: new Uint8Array(32) })).toBe('fail');
    expect(judge({})).toEqual(['accept', [], undefined]);
  });

  it.each<[string, Partial<TensorReport>, string[]]>([
    [
      'one float of another bit',
      { outputs: withOutput(0, { data: tensorOf('float32', [0.25, -2, 8.000001, 0]).data }) },
      ['equality'],
    ],
    ['another integer', { outputs: withOutput(1, other) }, ['equality']],
    ['another shape', { outputs: withOutput(0, { shape: [4] }) }, ['equality']],
    ['another name', { outputs: withOutput(0, { name: 'z' }) }, ['equality']],
    ['an output less', { outputs: encodeTensorResponse(outputs.slice(1)) }, ['equality']],
    ['no answer by the model', { outputs: new Uint8Array(0) }, ['equality']],
  ])('rejects %s in an exact class', (_what, bent, ids) => {
    expect(judge(bent)).toEqual(['reject', ids, undefined]);
  });

  it.each<[string, Partial<TensorReport>, string]>([
    ['other inputs', { promptTokensHash: new Uint8Array(32) }, 'prompt-tokens'],
    ['a model with another signature', { vocabularyHash: new Uint8Array(32) }, 'vocabulary'],
  ])('rejects %s as a fact in any class', (_what, bent, id) => {
    expect(judge(bent)).toEqual(['reject', [id], true]);
    expect(judge({ ...bent, exact: false })).toEqual(['reject', [id], true]);
  });

  it.each<[string, Uint8Array, string]>([
    ['the same values', honest.response, 'accept'],
    ['honest drift', createSyntheticTensors({ crypto, error: 1e-5 }).response, 'accept'],
    ['more than honest drift', createSyntheticTensors({ crypto, error: 1e-3 }).response, 'inconclusive'],
    ['another model', createSyntheticTensors({ crypto, error: 0.1 }).response, 'reject'],
    ['another integer', withOutput(1, other), 'reject'],
    ['another text', withOutput(2, { data: encodeTensorData('string', ['', 'cafe']) }), 'reject'],
    ['another shape', withOutput(0, { shape: [4] }), 'reject'],
    ['no answer by the model', new Uint8Array(0), 'reject'],
  ])('decides by distance if classes differ: %s', (_what, response, outcome) => {
    const [found, failed] = judge({ exact: false, numericClass: FAST, outputs: response });
    expect([found, failed]).toEqual([outcome, outcome === 'reject' ? ['tensor-distance'] : []]);
  });

  it('measures relative errors, lets no special value pass, and treats small values of large tensors absolutely', () => {
    const distance = (a: number[], b: number[]) =>
      computeTensorDistance(tensorOf('float64', a), tensorOf('float64', b));
    expect(distance([101, 1], [100, 1])).toBeCloseTo(0.01);
    expect(distance([64, 0.001], [64, 0])).toBeCloseTo(0.001);
    expect(distance([0], [0])).toBe(0);
    expect(distance([Number.NaN, 1], [Number.NaN, 1])).toBe(0);
    expect(distance([1], [Number.NaN])).toBe(Number.POSITIVE_INFINITY);
    expect(distance([Number.NaN], [1])).toBe(Number.POSITIVE_INFINITY);
    expect(distance([Number.POSITIVE_INFINITY], [1e308])).toBe(Number.POSITIVE_INFINITY);
    expect(distance([1e-9], [0])).toBe(Number.POSITIVE_INFINITY);
  });

  it('never confirms a reply of tier replay from another class', () => {
    const replayed = createSyntheticTensors({ crypto, tier: 'replay' });
    const own = { modelRoot: report.modelRoot, header: replayed.header, outputs: replayed.outputs };
    expect(adjudicateTensors(own, replayed.report).outcome).toBe('accept');
    expect(adjudicateTensors(own, { ...replayed.report, exact: false }).outcome).toBe('inconclusive');
  });
});
