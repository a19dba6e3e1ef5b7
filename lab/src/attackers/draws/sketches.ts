import type { TextEngine } from '@ogong/engine/interface/text';
import type { WindowBytes } from '@ogong/protocol/commitment/opening';
import { MAX_EXPONENT, MIN_EXPONENT, type SketchRow } from '@ogong/protocol/commitment/sketch';
import { type AttackDefinition, type CreateAttack, disguiseEngine } from '../attack.ts';
import { holdReply, tellReply } from '../held-reply.ts';
import { closeWindows, openWindows } from './windows.ts';

interface SketchCheat {
  readonly name: string;
  readonly aim: string;
  readonly caughtBy: readonly string[];
  /** Called once for each attacker, because some keep state. */
  readonly create: () => (window: WindowBytes, engine: TextEngine) => WindowBytes;
}

/** Honest draws with a false sketch: shows whether any check looks at the sketch. */
function defineSketch({ name, aim, caughtBy, create }: SketchCheat): AttackDefinition {
  const attack: CreateAttack = ({ engine }) => {
    const bend = create();
    return {
      name,
      aim,
      engine: disguiseEngine(engine, {
        async *generate(request, options) {
          for await (const event of engine.generate(request, options)) {
            yield event.kind === 'window' ? { ...event, window: bend(event.window, engine) } : event;
          }
        },
      }),
    };
  };
  return { name, family: 'commitment', aim, caughtBy, create: attack };
}

/** Changes every row of a sketch. */
function bendRows(change: (row: SketchRow) => SketchRow): SketchCheat['create'] {
  return () => (window, engine) => {
    const info = engine.info();
    const positions = openWindows([window], info).map((position) => ({ ...position, sketch: change(position.sketch) }));
    return closeWindows(positions, info)[0] as WindowBytes;
  };
}

const VALUE_BITS = 12;
const ROW_HEAD = 2;

/** Overwrites bytes of the sketch from the first row on, with values that no encoder writes. */
function overwrite(exponent: number | undefined, value: number | undefined): SketchCheat['create'] {
  return () => (window) => {
    const sketch = window.sketch.slice();
    if (exponent !== undefined) sketch[ROW_HEAD] = exponent & 0xff;
    if (value !== undefined) {
      sketch[ROW_HEAD + 1] = (value >> (VALUE_BITS - 8)) & 0xff;
      sketch[ROW_HEAD + 2] = ((value & 0xf) << 4) | ((sketch[ROW_HEAD + 2] as number) & 0xf);
    }
    return { ...window, sketch };
  };
}

const values = (row: SketchRow, change: (value: number, j: number) => number): Int16Array => row.values.map(change);

const CHEATS: readonly SketchCheat[] = [
  {
    name: 'sketch-sign-flipped',
    aim: 'pass a check that looks at magnitudes only',
    caughtBy: ['equality'],
    create: bendRows((row) => ({ ...row, values: values(row, (value) => -value) })),
  },
  {
    name: 'sketch-zero',
    aim: 'pass a check that divides by what it is given',
    caughtBy: ['equality'],
    create: bendRows((row) => ({ exponent: MIN_EXPONENT, values: values(row, () => 0) })),
  },
  {
    name: 'sketch-huge',
    aim: 'overflow a comparison into something that is not a number',
    caughtBy: ['equality'],
    create: bendRows((row) => ({ exponent: MAX_EXPONENT, values: values(row, (value) => (value < 0 ? -2047 : 2047)) })),
  },
  {
    name: 'sketch-denormal',
    aim: 'underflow a comparison to a distance of nothing',
    caughtBy: ['equality'],
    create: bendRows((row) => ({ exponent: MIN_EXPONENT, values: values(row, (value) => Math.sign(value)) })),
  },
  {
    name: 'sketch-not-a-number',
    aim: 'write what no encoder writes: the one value of twelve bits that is out of range, where floats have NaN',
    caughtBy: ['commitment-form'],
    create: overwrite(undefined, 0x800),
  },
  {
    name: 'sketch-exponent-beyond',
    aim: 'write an exponent that no encoder writes',
    caughtBy: ['commitment-form'],
    create: overwrite(-128, undefined),
  },
  {
    name: 'sketch-copied',
    aim: 'sign the sketch of an earlier reply in the place of its own',
    caughtBy: ['equality', 'commitment-form'],
    create: () => {
      let copied: Uint8Array | undefined;
      return (window) => {
        const sketch = copied?.length === window.sketch.length ? copied : window.sketch;
        copied ??= window.sketch;
        return { ...window, sketch };
      };
    },
  },
];

/** Signs a peer's sketch for the same request: true hidden states, but of another answer. */
const sketchOfPeer: AttackDefinition = {
  name: 'sketch-of-peer',
  family: 'commitment',
  aim: "sign a peer's sketch of the same request in the place of its own",
  caughtBy: ['equality'],
  create: ({ engine }) => ({
    name: 'sketch-of-peer',
    aim: sketchOfPeer.aim,
    engine: disguiseEngine(engine, {
      async *generate(request, options) {
        const info = engine.info();
        const open = (windows: readonly WindowBytes[]) => openWindows(windows, info, request.sketch.directions);
        // The peer has another draw key.
        const drawKey = request.drawKey.map((byte) => byte ^ 0xff);
        const peer = open((await holdReply(engine.generate({ ...request, drawKey }, options))).windows);
        const held = await holdReply(engine.generate(request, options));
        const positions = open(held.windows).map((position, i) => ({
          ...position,
          sketch: peer[i]?.sketch ?? position.sketch,
        }));
        yield* tellReply(engine, request, { ...held, windows: closeWindows(positions, info) });
      },
    }),
  }),
};

export const SKETCH_ATTACKS: readonly AttackDefinition[] = [...CHEATS.map(defineSketch), sketchOfPeer];
