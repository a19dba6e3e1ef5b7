// Finds as many ports as its one argument says, prints them, and lasts until it is ended.
import { findFreePorts } from './free-port.ts';

const ports = await findFreePorts(Number(process.argv[2]));
process.stdout.write(`${JSON.stringify(ports)}\n`);
setInterval(() => {}, 1_000);
