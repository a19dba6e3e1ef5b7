import type { TextEngine } from '@ogong/engine/interface/text';
import type { Attack } from '../../attackers/attack.ts';
import { disguiseEngine } from '../../attackers/attack.ts';
import { findAttack } from '../../attackers/catalogue.ts';
import { createEngine, placeOf } from '../roles/serving.ts';
import { createDraws } from '../world/draws.ts';
import type { World } from '../world/world.ts';
import { flipBit } from './flip-bit.ts';
import { ANSWER_ATTACKS, LEAGUE, SILENT_LIE } from './lie-names.ts';
import { tellTwoRecords } from './two-records.ts';

/** Shared list of a league: replies of another model, by their tokens. */
export type SharedNotes = Set<string>;

const GARBLED_SHARE = 0.3;
const nameOf = (tokens: Uint32Array): string => tokens.join();

const isAnswerAttack = (how: string): boolean => (ANSWER_ATTACKS as readonly string[]).includes(how);

/** Creates the parts of a provider with false answers or commitments; undefined if it lies on its wire alone. */
export function createProviderAttack(how: string | undefined, seed: number, notes: SharedNotes): Attack | undefined {
  if (how === undefined || !isAnswerAttack(how)) return undefined;
  const definition = findAttack(how);
  const engine = createEngine(1);
  const cheapEngine = how.startsWith('massaged') ? createEngine(1, 1.5) : createEngine(2);
  const attack = definition.create({ engine, seed, ...(definition.cheap ? { cheapEngine } : {}) });
  if (how !== LEAGUE.provider) return attack;
  return { ...attack, engine: noteForged(attack.engine, notes) };
}

function noteForged(engine: TextEngine, notes: SharedNotes): TextEngine {
  return disguiseEngine(engine, {
    async *generate(request, options) {
      const output: number[] = [];
      for await (const event of engine.generate(request, options)) {
        if (event.kind === 'token') output.push(event.token.id);
        if (event.kind === 'end') notes.add(nameOf(Uint32Array.from(output)));
        yield event;
      }
    },
  });
}

/** Creates the engine of a lying verifier. `frames` scores every reply with another model, `agrees` only the forged replies of its league. */
export function createVerifierEngine(how: string | undefined, notes: SharedNotes): TextEngine | undefined {
  if (how !== 'frames' && how !== LEAGUE.verifier) return undefined;
  const [honest, other] = [createEngine(1), createEngine(2)];
  return disguiseEngine(honest, {
    score: (request, options) =>
      (how === 'frames' || notes.has(nameOf(request.outputTokens)) ? other : honest).score(request, options),
  });
}

/** Lies that providers and verifiers tell on their own wire. */
export function plantWireLie(
  world: World,
  machine: { readonly name: string; readonly index: number },
  how: string,
): void {
  const { network } = world;
  const { name, index } = machine;
  const draws = createDraws(world.seed ^ 0x77697265);
  const dropAnswers = (methods: RegExp): void =>
    void network.answers.set(name, ({ method, bytes }) => (methods.test(method) ? undefined : bytes));
  const garbleAnswers = (methods: RegExp): void =>
    void network.answers.set(name, ({ method, bytes }) =>
      methods.test(method) && draws.next(`garbles ${name}`) < GARBLED_SHARE ? flipBit(bytes, draws) : bytes,
    );
  if (how === 'keeps-records') {
    network.tampers.set(name, ({ method, bytes }) => (method.endsWith('/PushRecord') ? undefined : bytes));
  } else if (how === 'two-records') {
    const { signer } = placeOf(world, 'provider', index);
    network.tampers.set(name, ({ method, bytes }) =>
      method.endsWith('/PushRecord') ? tellTwoRecords(bytes, signer) : bytes,
    );
  } else if (how === SILENT_LIE) network.hears.set(name, ({ method }) => !method.endsWith('/Generate'));
  else if (how === 'garbles-openings') garbleAnswers(/\/GetOpening$/);
  else if (how === 'never-commits') dropAnswers(/\/Commit$/);
  else if (how === 'never-opens') dropAnswers(/\/Reveal$/);
  else if (how === 'garbles-reports') garbleAnswers(/\/(Commit|Reveal)$/);
}
