// `npm test`: runs the tests of the product. `npm test -- --help` lists its words.
import { runTests } from './tests/run-tests.ts';

await runTests(process.argv.slice(2));
