// Plays days in which strangers choose what honest parties have to refuse, and says what honest keys lost. Exits 1 if it is more than
// docs/spec/silence.md allows.
import { parseArgs } from 'node:util';
import { findLosses, playDays } from './play-days.ts';

const { values } = parseArgs({ options: { days: { type: 'string', default: '30' }, help: { type: 'boolean' } } });
if (values.help) {
  console.log('node scripts/run.mjs lab/src/days/main.ts [--days N]   default: 30 days of one order an hour');
} else {
  const days = Number(values.days);
  if (!Number.isInteger(days) || days < 1) throw new RangeError(`--days ${values.days} is no whole number above 0`);
  const outcome = await playDays(days, (day) => console.log(`day ${day} of ${days}`));
  const { orders, refusals, honestPenalties, leastShare, lostEarnings, fines, isEjected } = outcome;
  console.log(
    `orders: ${Object.entries(orders)
      .map(([hour, count]) => `${count} ${hour}`)
      .join(', ')}`,
  );
  console.log(`answers of honest verifiers that are no commitment: ${refusals}`);
  console.log(`penalties of honest payees: ${honestPenalties}`);
  console.log(`least chances of honest verifiers in a draw: ${(100 * leastShare).toFixed(2)} % of those at first`);
  console.log(`earnings that the honest provider lost: ${(100 * lostEarnings).toFixed(3)} %; fines: ${fines}`);
  console.log(`the honest provider was ${isEjected ? '' : 'not '}ejected`);
  const losses = findLosses(outcome);
  for (const loss of losses) console.error(`FAILS  ${loss}`);
  if (losses.length > 0) process.exitCode = 1;
}
