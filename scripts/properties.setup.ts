// Properties without a seed of their own draw their cases from that of the run: CI tries the same cases each time, and nightly others.
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env.OGONG_SEED ?? 1) });
