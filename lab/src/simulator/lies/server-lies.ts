import type { TextEngine } from '@ogong/engine/interface/text';
import type { TrajectoryEngine } from '@ogong/engine/interface/trajectory';
import type { Engine } from '@ogong/engine/open-engine';
import type { Attack } from '../../attackers/attack.ts';
import { disguiseEngine } from '../../attackers/attack.ts';
import { findAttack } from '../../attackers/catalogue.ts';
import { halveSteps } from '../../attackers/trajectory/halved-engine.ts';
import { createPictureEngine } from '../roles/pictures.ts';
import { createEngine, placeOf } from '../roles/serving.ts';
import { createDraws } from '../world/draws.ts';
import type { World } from '../world/world.ts';
import { flipBit } from './flip-bit.ts';
import { isAnswerAttack, LEAGUE, PICTURE_LIE, SILENT_LIE } from './lie-names.ts';
import { tellTwoRecords } from './two-records.ts';

/** Shared list of a league: replies of another model, by their tokens. */
export type SharedNotes = Set<string>;

const GARBLED_SHARE = 0.3;
const nameOf = (tokens: Uint32Array): string => tokens.join();

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

/** Creates the engine of a provider that sells pictures. A liar has no half of an odd number of steps, and runs another model then. */
export function createPictureSeller(how: string | undefined): TrajectoryEngine {
  const sold = createPictureEngine(1);
  if (how !== PICTURE_LIE) return sold;
  const [halved, other] = [halveSteps(sold), createPictureEngine(2)];
  return {
    ...sold,
    generate: (request, options) => (request.steps % 2 === 0 ? halved : other).generate(request, options),
  };
}

/** Creates the engine of a verifier of pictures. `frames` runs every step with another model. */
export function createPictureVerifier(how: string | undefined): Engine {
  const honest = createPictureEngine(1);
  return how === 'frames' ? { ...createPictureEngine(2), info: () => honest.info() } : honest;
}

/** Creates the engine of a verifier of texts. `frames` scores every reply with another model, `agrees` only the forged replies of its league. */
export function createVerifierEngine(how: string | undefined, notes: SharedNotes): Engine {
  if (how !== 'frames' && how !== LEAGUE.verifier) return createEngine(1);
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
