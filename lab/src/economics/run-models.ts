import type { EconomicModel } from './finding.ts';
import type { MeasuredRho } from './measured-rho.ts';
import { runBootstrap } from './models/bootstrap.ts';
import { runBurnAndMint } from './models/burn-and-mint.ts';
import { runDeterrence } from './models/deterrence.ts';
import { runDoubt } from './models/doubt.ts';
import { runGriefing } from './models/griefing.ts';
import { runHeldEarnings } from './models/held-earnings.ts';
import { runIdentities } from './models/identities.ts';
import { runPayments } from './models/payments.ts';
import { runPrefill } from './models/prefill.ts';
import { runSequentialTest } from './models/sequential-test.ts';
import { runSupply } from './models/supply.ts';
import { runThirtyDays } from './models/thirty-days.ts';
import { runValidators } from './models/validators.ts';
import { runValue } from './models/value.ts';
import { runVerification } from './models/verification.ts';
import { runVerifiers } from './models/verifiers.ts';
import { runWash } from './models/wash.ts';

/** Every model, the same figures each time. @param measured all measured costs of audits. */
export async function runModels(measured: readonly MeasuredRho[]): Promise<EconomicModel[]> {
  return [
    runDeterrence(),
    runSequentialTest(),
    runDoubt(),
    runHeldEarnings(),
    await runThirtyDays(),
    runPrefill(),
    runVerification(measured),
    runVerifiers(),
    runValidators(),
    runWash(),
    runSupply(),
    runBurnAndMint(),
    runValue(),
    runBootstrap(),
    runPayments(),
    runIdentities(),
    runGriefing(measured),
  ];
}
