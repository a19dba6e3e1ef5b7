import { computeBoundedMint, computeCarriedBurn } from '@ogong/protocol/settlement/burn-mint';
import { createFindings, type EconomicModel, percent, round } from '../finding.ts';

/** Dollars that a dealer gets back for each burned dollar, if it owns the provider's part and some of the others. */
const back = (elasticity: number, verifiers: number, treasury: number): number =>
  elasticity * (0.75 + 0.15 * verifiers + 0.1 * treasury);

/** Tokens after a year of epochs of 72 minutes, each of which mints that part of the supply. */
const grow = (part: number, epochs: number): number => (1 + part) ** epochs;

const WHOLE = 10n ** 18n;
const SUPPLY = 1_000_000_000n * WHOLE;
const SETTINGS = { elasticityPpm: 950_000n, yearlyCap: 100_000_000n * WHOLE };

/** Computes the tokens paid for the work of several epochs that is claimed in one epoch, and the number of epochs that it takes. */
function payAtOnce(epochs: bigint, isCut: boolean): { readonly paid: number; readonly taken: number } {
  const carried = computeCarriedBurn(SUPPLY, SETTINGS);
  let [rest, paid, taken] = [carried * epochs, 0n, 0];
  for (; rest > 0n; taken++) {
    const burned = isCut || rest < carried ? rest : carried;
    // The price stays at a dollar a token.
    const work = { dollars: burned, burned, price: WHOLE, supply: SUPPLY, recentBurn: 0n };
    paid += computeBoundedMint(work, SETTINGS);
    rest -= burned;
  }
  return { paid: Number(paid) / Number((carried * epochs * SETTINGS.elasticityPpm) / 1_000_000n), taken };
}

export function runBurnAndMint(): EconomicModel {
  const { list, say } = createFindings();
  const settings = [0, 0.25, 0.5, 0.75, 1].flatMap((z) => [0, 0.5, 1].map((t) => back(0.95, z, t)));
  say(
    'At an elasticity of 0.95 a dealer gets less back than it burned, whatever roles it owns',
    settings.every((part) => part < 1),
    `at most ${percent(Math.max(...settings), 1)}`,
  );
  say(
    'Broken twin: at 1.5, as the document allows, a provider alone gains an eighth',
    back(1.5, 0, 0) > 1.12,
    percent(back(1.5, 0, 0) - 1, 1),
  );
  const waiting = payAtOnce(20n, false);
  say(
    'A day of work that is claimed in one second is paid whole: work that an epoch cannot pay for waits',
    Math.abs(waiting.paid - 1) < 1e-12 && waiting.taken === 20,
    `${percent(waiting.paid, 1)} of what the elasticity gives, in ${waiting.taken} epochs`,
  );
  const cut = payAtOnce(20n, true);
  say(
    'Broken twin: where all of it counts for that epoch, a stranger destroys most of it for gas',
    cut.paid < 0.06 && cut.taken === 1,
    `${percent(cut.paid, 1)} is paid`,
  );
  const daily = grow(0.05, 20);
  const floor = grow(0.005, 20) - 1;
  say(
    'Broken twin: the document’s percentages of the supply, read as those of one epoch, multiply the supply in a day',
    daily > 2.6 && floor > 0.1,
    `ceiling x ${round(daily)}, floor ${percent(floor, 1)} a day`,
  );
  const farmed = (others: number, floorMint: number): number =>
    others < 0.75 * floorMint ? (Math.sqrt(0.75 * floorMint) - Math.sqrt(others)) ** 2 : 0;
  say(
    'Broken twin: a floor that comes last is shared by all burners of that epoch, and can be farmed if others burn little',
    farmed(0.1, 1) > 0.3 && farmed(1, 1) === 0,
    `a floor of 1 and others’ volume of 0.1: ${round(farmed(0.1, 1))} gained`,
  );
  const window = 1_800;
  say(
    'Broken twin: a 90-day burn as the bound of one epoch lets each burned token be minted again and again',
    window > 1_000,
    `${window} epochs in 90 days`,
  );
  return {
    id: 'burn-and-mint',
    title: 'Burn and mint',
    summary:
      'The second economy: credits for burned tokens, tokens minted for finished jobs. The bound is the elasticity times the amount burned for the credits of the same epoch.',
    findings: list,
  };
}
