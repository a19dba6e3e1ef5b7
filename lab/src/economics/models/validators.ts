import { defaultJustice, defaultLimits, profiles } from '@ogong/chain/deploy/deploy';
import { isQuorum } from '@ogong/protocol/crypto/quorum';
import { splitFee } from '@ogong/protocol/exchange/fee';
import { splitJudged } from '@ogong/protocol/settlement/cosigned-pot';
import { isBacked } from '@ogong/protocol/settlement/unvested';
import { readConstant } from '../contract-constants.ts';
import { toFeeShares } from '../fee-shares.ts';
import { createFindings, type EconomicModel, percent, round } from '../finding.ts';

const PPM = 1_000_000;
const UNIT = 10n ** 18n;

/** Part of a fee that a quorum can settle to its own keys and accounts. */
function stealablePart(): number {
  const fee = 10n ** 24n;
  const { treasury, license, recycle } = splitFee(fee, toFeeShares(profiles.emission.shares));
  return Number(fee - treasury - license - recycle) / Number(fee);
}

/** Part of a bond that is taken after one conviction by a quorum on each day. @param part taken part of the rest, each time */
const takenAfter = (days: number, part: number): number => 1 - (1 - part) ** days;

/** Compares the gain of validators that sign false statements with the bonds that the contracts take. */
export function runValidators(): EconomicModel {
  const { list, say } = createFindings();
  const part = stealablePart();
  // The contract's limit for unvested money, of a million bonded by the signers.
  const bonds = 1_000_000n * UNIT;
  const parts = Array.from({ length: 301 }, (_, i) => i / 100);
  const carried = parts.filter((unvested) => isBacked((bonds * BigInt(Math.round(unvested * 100))) / 100n, bonds));
  const most = Math.max(...carried);
  say(
    'A quorum that lies has at most half of its own bonds on its way, and takes less than that',
    most === 0.5 && most * part < 0.5,
    `${percent(most, 0)} of the bonds that signed, of which ${percent(part, 1)} can go to accounts of its own. It can repeat this every three periods, until payers have no deposits there`,
  );
  say(
    'Broken twin: without that rule it takes more than all its bonds',
    parts.some((unvested) => unvested * part > 1),
    `at 1.5 times the bonds: ${round(1.5 * part)}`,
  );
  const votes = Array.from({ length: 1_001 }, (_, liars) => BigInt(liars));
  const quorums = votes.filter((liars) => isQuorum(liars, 1_000n));
  say(
    'The contracts take nothing from a quorum that signs one lie: a conviction needs over two thirds of votes, and others have under a third',
    quorums.length > 0 && quorums.every((liars) => !isQuorum(1_000n - liars, 1_000n)),
    'it loses 0 of its bonds, so bonds do not deter it. The rule above, the payers’ time to withdraw deposits, and the later value of its bonds bound the damage. A panel is drawn from the same votes, and can only lift penalties',
  );
  const byProof = readConstant('Cases', 'PROOF_PPM') / PPM;
  say(
    'A validator that contradicts itself loses its bond by two signatures, quorum or not: a lie has to be the same for everybody',
    byProof === 1,
    `${percent(byProof, 0)} of a bond, by proof of equivocation`,
  );
  const byQuorum = readConstant('Cases', 'QUORUM_PPM') / PPM;
  const days = defaultLimits.unbondingDelay / readConstant('Cases', 'PERIOD');
  const least = defaultLimits.minimumValidatorBond;
  const onceTokens = Number((least / UNIT) * BigInt(Math.round(byQuorum * PPM))) / PPM;
  say(
    'A minority with a proven lie loses a tenth of its bond a day for each piece of evidence, until it is out',
    byQuorum === 0.1 && takenAfter(days, byQuorum) > 0.88,
    `once ${onceTokens} OGONG of the least bond; ${percent(takenAfter(days, byQuorum), 0)} in the ${days} days of leaving. A bribe for one false verdict pays above ${percent(byQuorum, 0)} of the bond times the chance that it is found out`,
  );
  const reporter = defaultJustice.reporterPpm / PPM;
  const witnesses = Math.floor(1 / reporter) + 1;
  say(
    'A validator that reports itself loses, and the silence of enough witnesses costs more than the case',
    reporter > readConstant('Cases', 'MIN_REPORTER_PPM') / PPM &&
      reporter < readConstant('Cases', 'MAX_REPORTER_PPM') / PPM &&
      witnesses * reporter > 1 &&
      (witnesses - 1) * reporter <= 1,
    `a reporter gets ${percent(reporter, 0)} of a case, so an offence that gains less than ${percent((1 - reporter) * byQuorum, 1)} of the bond does not pay. ${witnesses} witnesses are enough; with fewer, silence is cheaper`,
  );
  const split = splitFee(10n ** 24n, toFeeShares(profiles.emission.shares));
  const worth = Number(split.provider) / Number(splitJudged(split.validator).handler);
  say(
    'One wrong verdict is worth many times what its validator earns for a right one: bonds deter, fees do not',
    worth > 150,
    `${round(worth)} times`,
  );
  return {
    id: 'validators',
    title: 'Bribery against bonds',
    summary:
      'A validator gains by a wrong verdict, and the contracts take bonds for it (`Cases.sol`, `Equivocation.sol`, `Settlement.sol`, `deploy.ts`). Bonds deter a minority, and not a quorum.',
    findings: list,
  };
}
