// Everything that a landing needs. `npm test -- fast model` runs only the named parts, `npm test -- all` ignores the record of green
// runs, and `npm test -- plan` prints what would run and why. The rules stand in scripts/landing/README.md.
import { runLanding } from './landing/run-landing.ts';

await runLanding(process.argv.slice(2));
