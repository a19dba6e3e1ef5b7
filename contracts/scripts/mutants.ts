/**
 * Shows that the tests would notice: each mutant is the contracts with one rule broken, and the test run has to fail on
 * it. Prints one line per mutant and exits 1 if one survives. Usage: node contracts/scripts/mutants.ts [number ...] [test/File.t.sol ...]
 * (by default all mutants and all test files)
 */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

interface Mutant {
  readonly breaks: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

const mutants: readonly Mutant[] = [
  {
    breaks: 'conservation: a claim pays one unit more than the credit',
    file: 'Escrow.sol',
    from: 'token.safeTransfer(msg.sender, amount);\n    }\n\n    /// @notice Moves',
    to: 'token.safeTransfer(msg.sender, amount + 1);\n    }\n\n    /// @notice Moves',
  },
  {
    breaks: 'conservation: released allowance stays reserved',
    file: 'Escrow.sol',
    from: 'channel.admitted -= amount;',
    to: '',
  },
  {
    breaks: 'conservation: credits need not match debits',
    file: 'Escrow.sol',
    from: 'if (debited != credited) revert Unbalanced(debited, credited);',
    to: '',
  },
  {
    breaks: 'shares: the rounding residual is lost',
    file: 'Settlement.sol',
    from: 'earned[i] = Earned(line.providerId, line.payee, uint128(rest));',
    to: 'earned[i] = Earned(line.providerId, line.payee, uint128(line.gross * 9598 / BASIS));',
  },
  {
    breaks: 'fines: one goes to nobody',
    file: 'Settlement.sol',
    from: 'verification.amount += line.fine;',
    to: '',
  },
  {
    breaks: 'fines: one may exceed its line',
    file: 'Settlement.sol',
    from: 'if (line.fine > line.gross) revert FineAboveGross(line.fine, line.gross);',
    to: '',
  },
  {
    breaks: 'double settlement: the sequence does not advance',
    file: 'Settlement.sol',
    from: 'anchor.sequence = batch.sequence;',
    to: '',
  },
  {
    breaks: 'drift table: an older one may replace a newer one',
    file: 'Parameters.sol',
    from: 'if (next.version <= _driftTable.version) revert VersionNotNewer(_driftTable.version, next.version);',
    to: '',
  },
  {
    breaks: 'drift table: anybody may name one',
    file: 'Parameters.sol',
    from: 'setDriftTable(DriftTable calldata next) external onlyOwner',
    to: 'setDriftTable(DriftTable calldata next) external',
  },
  {
    breaks: 'tests: anybody may name their rates',
    file: 'Parameters.sol',
    from: 'setTests(Tests calldata next) external onlyOwner',
    to: 'setTests(Tests calldata next) external',
  },
  {
    breaks: 'tests: the rate of canaries has no bound',
    file: 'Parameters.sol',
    from: 'if (next.canaryRate > MAX_TEST_RATE) revert OutOfRange("canaryRate");',
    to: '',
  },
  {
    breaks: 'tests: deadlines without a bound',
    file: 'Parameters.sol',
    from: 'if (next.slowestRate == 0 || next.slowestRate > MAX_SLOWEST_RATE) revert OutOfRange("slowestRate");',
    to: '',
  },
  {
    breaks: 'tests: a new network begins with others than it is created with',
    file: 'Parameters.sol',
    from: '_setTests(tests_);',
    to: '_setTests(Tests({canaryRate: 50_000, timedRate: 0, slowestRate: 20}));',
  },
  {
    breaks: 'newcomers: orders grow without a bound',
    file: 'Parameters.sol',
    from: 'if (!isRamp || holding_.growth > MAX_GROWTH) revert OutOfRange("growth");',
    to: '',
  },
  {
    breaks: 'newcomers: anybody may name their work',
    file: 'Parameters.sol',
    from: 'setWork(Work calldata next) external onlyOwner',
    to: 'setWork(Work calldata next) external',
  },
  {
    breaks: 'newcomers: work without a bound',
    file: 'Parameters.sol',
    from: 'if (next.bits > MAX_WORK_BITS) revert OutOfRange("workBits");',
    to: '',
  },
  {
    breaks: 'newcomers: work that is never good',
    file: 'Parameters.sol',
    from: 'if (next.epochs > MAX_WORK_EPOCHS || next.bits != 0 && next.epochs == 0) revert OutOfRange("workEpochs");',
    to: '',
  },
  {
    breaks: 'tests: a rate of before is forgotten at once',
    file: 'Parameters.sol',
    from: 'for (uint256 i = _rates.length(); i > 0; --i) {',
    to: 'for (uint256 i = _rates.length(); i > type(uint256).max - 1; --i) {',
  },
  {
    breaks: 'registry: an address comes back with another VRF key',
    file: 'ValidatorRegistry.sol',
    from: 'if (before != 0 && before != vrfKey) revert VrfKeyFixed(before);',
    to: '',
  },
  {
    breaks: 'registry: a VRF key is forgotten with its validator',
    file: 'ValidatorRegistry.sol',
    from: 'delete _entries[account];',
    to: 'delete _entries[account];\n        delete vrfKeyOf[account];',
  },
  {
    breaks: 'registry: a certificate is announced in the block that names it',
    file: 'ValidatorRegistry.sol',
    from: '_seals[msg.sender].blockNumber >= block.number',
    to: '_seals[msg.sender].blockNumber > block.number',
  },
  {
    breaks: "registry: another one's announcement may be copied",
    file: 'ValidatorRegistry.sol',
    from: 'keccak256(abi.encode(account, certHash, salt))',
    to: 'keccak256(abi.encode(certHash, salt))',
  },
  {
    breaks: 'registry: anybody may be evicted',
    file: 'ValidatorRegistry.sol',
    from: 'if (_members.contains(account) && bond >= minimum) revert BondSuffices(bond, minimum);',
    to: '',
  },
  {
    breaks: 'registry: a higher minimum puts members out',
    file: 'ValidatorRegistry.sol',
    from: 'if (_entries[account].minimumBond < minimum) minimum = _entries[account].minimumBond;',
    to: '',
  },
  {
    breaks: 'registry: the set has no bound',
    file: 'ValidatorRegistry.sol',
    from: 'if (_members.length() > MAX_VALIDATORS) revert RegistryFull(MAX_VALIDATORS);',
    to: '',
  },
  {
    breaks: 'signing keys: a key may be named without its consent',
    file: 'ValidatorRegistry.sol',
    from: 'if (failure != ECDSA.RecoverError.NoError || by != signer) revert NoConsent(signer);',
    to: 'if (by == address(1) && failure == ECDSA.RecoverError.NoError) revert NoConsent(signer);',
  },
  {
    breaks: 'signing keys: a key signs for two accounts',
    file: 'ValidatorRegistry.sol',
    from: 'if (holder != address(0) && holder != msg.sender) revert SignerTaken(signer, holder);',
    to: '',
  },
  {
    breaks: 'signing keys: a new key counts at once',
    file: 'Staking.sol',
    from: 'registry.accountsAt(signers, since)',
    to: 'registry.accountsAt(signers, block.timestamp)',
  },
  {
    breaks: 'signing keys: the set lists a key before it counts',
    file: 'ValidatorRegistry.sol',
    from: 'account, signerAt(account, since), stake',
    to: 'account, signerAt(account, block.timestamp), stake',
  },
  {
    breaks: "signing keys: an account's own key still votes beside the one that it named",
    file: 'ValidatorRegistry.sol',
    from: 'return _signers[signer].upperLookupRecent(uint96(time)) == 0 ? signer : address(0);',
    to: 'return signer;',
  },
  {
    breaks: 'signing keys: a key that was replaced still votes',
    file: 'ValidatorRegistry.sol',
    from: 'if (before != address(0)) _accounts[before].push(since, 0);',
    to: '',
  },
  {
    breaks: 'quorum: two thirds are enough',
    file: 'Quorum.sol',
    from: '3 * signed <= 2 * total',
    to: '3 * signed < 2 * total',
  },
  {
    breaks: 'quorum: a signer may sign twice',
    file: 'Quorum.sol',
    from: 'signer <= previous',
    to: 'signer < previous',
  },
  {
    breaks: 'quorum: it does not cover the debits',
    file: 'Settlement.sol',
    from: 'batch,\n                    hashDebits(debits),',
    to: 'batch,\n                    bytes32(debits.length),',
  },
  {
    breaks: 'payer: anyone signs its orders',
    file: 'Escrow.sol',
    from: ' || signer != payer',
    to: ' || signer == address(0)',
  },
  {
    breaks: 'payer: more is drawn than the voucher allows',
    file: 'Escrow.sol',
    from: 'if (spent > debit.cumulative) revert',
    to: 'if (spent > type(uint128).max) revert',
  },
  {
    breaks: 'payer: the channel is overdrawn',
    file: 'Escrow.sol',
    from: 'if (spent > channel.admitted) revert',
    to: 'if (spent > type(uint128).max) revert',
  },
  {
    breaks: 'release: no delay',
    file: 'Escrow.sol',
    from: 'if (block.timestamp < channel.releasableAt) revert',
    to: 'if (channel.releasableAt == 0) revert',
  },
  {
    breaks: 'staking: a leaving bond keeps its vote',
    file: 'Staking.sol',
    from: 'mine.unbonding += amount;\n        mine.unbondableAt = uint64(block.timestamp) + limits.unbondingDelay;\n        _countVotes(msg.sender, mine);',
    to: 'mine.unbonding += amount;\n        mine.unbondableAt = uint64(block.timestamp) + limits.unbondingDelay;',
  },
  {
    breaks: 'staking: a priority stake leaves at once',
    file: 'Staking.sol',
    from: 'if (block.timestamp < mine.leavesAt) revert TooEarly(mine.leavesAt);',
    to: '',
  },
  {
    breaks: 'staking: a priority stake weighs until it is paid out',
    file: 'Staking.sol',
    from: 'return _stakes[payee].amount;',
    to: 'return uint256(_stakes[payee].amount) + _stakes[payee].leaving;',
  },
  {
    breaks: 'votes: a quorum counts them as they are now',
    file: 'ValidatorRegistry.sol',
    from: 'uint48(block.timestamp - delay)',
    to: 'uint48(block.timestamp)',
  },
  {
    breaks: 'votes: a slash leaves the vote until the delay is over',
    file: 'Staking.sol',
    from: 'return vote < backed ? vote : backed;',
    to: 'return backed == type(uint256).max ? backed : vote;',
  },
  {
    breaks: 'votes: a bond on its way out backs no vote',
    file: 'Staking.sol',
    from: 'uint256 backed = uint256(theirs.amount) + theirs.unbonding;',
    to: 'uint256 backed = uint256(theirs.amount);',
  },
  {
    breaks: 'slash: bond that left makes it fail',
    file: 'Staking.sol',
    from: 'uint128 fromLeaving = _least(amount - fromBond, theirs.unbonding);',
    to: 'uint128 fromLeaving = amount - fromBond;',
  },
  {
    breaks: 'slash: leaving bond is taken and still owed',
    file: 'Staking.sol',
    from: 'theirs.unbonding -= fromLeaving;',
    to: '',
  },
  {
    breaks: 'parameters: a new distribution is in force at once',
    file: 'Parameters.sol',
    from: '_nextFrom = uint64(block.timestamp) + _delays.notice;',
    to: '_nextFrom = uint64(block.timestamp);',
  },
  {
    breaks: 'parameters: what came into force is forgotten by the next announcement',
    file: 'Parameters.sol',
    from: '_current = distribution();',
    to: '',
  },
  {
    breaks: 'ejection: the appeal never ends',
    file: 'Settlement.sol',
    from: 'revert AppealOver(finalFrom);\n        if (msg.sender != staking.cases()) Quorum.check(staking, reinstatementDigest',
    to: '{}\n        if (msg.sender != staking.cases()) Quorum.check(staking, reinstatementDigest',
  },
  {
    breaks: 'ejection: an old pardon lifts a new one',
    file: 'Settlement.sol',
    from: 'abi.encode(REINSTATEMENT_TYPEHASH, providerId, ejection)',
    to: 'abi.encode(REINSTATEMENT_TYPEHASH, providerId, uint32(0))',
  },
  {
    breaks: 'ejection: naming a provider again restarts its appeal',
    file: 'Settlement.sol',
    from: 'if (ejection.since != 0) return;',
    to: '',
  },
  {
    breaks: 'earnings: they vest a period too early',
    file: 'Earnings.sol',
    from: 'upperLookupRecent(uint48(current - HELD_PERIODS - 1))',
    to: 'upperLookupRecent(uint48(current - HELD_PERIODS))',
  },
  {
    breaks: 'earnings: they vest while their provider is ejected',
    file: 'Earnings.sol',
    from: 'ejection.since == 0 ? block.timestamp : ejection.since',
    to: 'block.timestamp',
  },
  {
    breaks: 'earnings: an ejection forfeits before its appeal is over',
    file: 'Earnings.sol',
    from: 'bool isFinal = ejection.since != 0 && block.timestamp >= ejection.since + parameters.delays().appeal;',
    to: 'bool isFinal = ejection.since != 0;',
  },
  {
    breaks: 'earnings: the first units are paid',
    file: 'Earnings.sol',
    from: 'return sum > entrance ? sum - entrance : 0;',
    to: 'return sum;',
  },
  {
    breaks: 'earnings: anybody credits them',
    file: 'Earnings.sol',
    from: 'if (msg.sender != settlement) revert NotSettlement(msg.sender);',
    to: '',
  },
  {
    breaks: 'earnings: a period is read before it is over',
    file: 'Earnings.sol',
    from: 'if (which >= current) revert PeriodNotOver(current);',
    to: '',
  },
  {
    breaks: 'parameters: payers may be given no time',
    file: 'Parameters.sol',
    from: 'next.withdrawalDelay < _delays.leastWithdrawal || ',
    to: '',
  },
  {
    breaks: 'parameters: payers may be kept for longer than a notice',
    file: 'Parameters.sol',
    from: '_delays.notice == 0 ? MAX_DELAY : _delays.notice',
    to: 'MAX_DELAY',
  },
  {
    breaks: 'coverage: the change that was in force is left out',
    file: 'Parameters.sol',
    from: 'if (change._key <= since) break;',
    to: 'if (change._key < since) break;',
  },
  {
    breaks: 'coverage: the newest counts, not the least',
    file: 'Parameters.sol',
    from: 'if (change._value < least) least',
    to: 'if (change._value < 0) least',
  },
  {
    breaks: 'parameters: bonds may leave at once',
    file: 'Parameters.sol',
    from: 'next.unbondingDelay < _delays.leastUnbonding || ',
    to: '',
  },
  {
    breaks: 'parameters: the license share rises',
    file: 'Parameters.sol',
    from: 'if (nextShares.license > license) revert',
    to: 'if (nextShares.license > BASIS) revert',
  },
  {
    breaks: 'verification: a tally is paid and stays with the recipient too',
    file: 'Settlement.sol',
    from: 'verification.amount -= part;',
    to: '',
  },
  {
    breaks: 'verification: the quorum does not cover who was refuted',
    file: 'Settlement.sol',
    from: 'words[3 * i + 2] = bytes32(uint256(tallies[i].refuted));',
    to: '',
  },
  {
    breaks: 'penalties: anybody takes stake',
    file: 'Staking.sol',
    from: 'uint32 refuted) external {\n        if (msg.sender != settlement) revert NotSettlement(msg.sender);',
    to: 'uint32 refuted) external {',
  },
  {
    breaks: 'penalties: a day has no bound',
    file: 'Staking.sol',
    from: '(ppm < MOST_PENALTY_PPM ? ppm : MOST_PENALTY_PPM)',
    to: '(ppm < 1_000_000 ? ppm : 1_000_000)',
  },
  {
    breaks: 'penalties: the day before counts',
    file: 'Staking.sol',
    from: 'if (offence.period != period) offence = Offence(period, 0, 0);',
    to: '',
  },
  {
    breaks: 'penalties: what is taken stays staked',
    file: 'Staking.sol',
    from: 'theirs.amount -= fromStake;',
    to: '',
  },
  {
    breaks: 'penalties: what is on its way out is taken and still owed',
    file: 'Staking.sol',
    from: 'theirs.leaving -= amount - fromStake;',
    to: '',
  },
  {
    breaks: 'penalties: what is held is paid before the appeal is over',
    file: 'Staking.sol',
    from: 'if (block.timestamp < finalFrom) revert TooEarly(finalFrom);',
    to: '',
  },
  {
    breaks: 'penalties: anybody pardons',
    file: 'Staking.sol',
    from: 'function pardon(address payee) external {\n        if (msg.sender != settlement) revert NotSettlement(msg.sender);',
    to: 'function pardon(address payee) external {',
  },
  {
    breaks: 'penalties: a pardon serves again',
    file: 'Settlement.sol',
    from: 'keccak256(abi.encode(PARDON_TYPEHASH, payee, penalty))',
    to: 'keccak256(abi.encode(PARDON_TYPEHASH, payee, 0 * penalty))',
  },
  {
    breaks: 'penalties: a pardon comes after the appeal',
    file: 'Settlement.sol',
    from: 'uint256 finalFrom = uint256(held.since) + parameters.delays().appeal;',
    to: 'uint256 finalFrom = type(uint256).max;',
  },
  {
    breaks: 'cases: anybody takes bonds',
    file: 'Staking.sol',
    from: 'function takeBond(address validator, uint128 amount) external nonReentrant returns (uint128 taken) {\n        if (msg.sender != cases) revert NotCases(msg.sender);',
    to: 'function takeBond(address validator, uint128 amount) external nonReentrant returns (uint128 taken) {',
  },
  {
    breaks: 'cases: signatures serve again',
    file: 'Cases.sol',
    from: 'abi.encode(CONVICTION_TYPEHASH, offence, accused, reporter, evidence, conviction)',
    to: 'abi.encode(CONVICTION_TYPEHASH, offence, accused, reporter, evidence, 0 * conviction)',
  },
  {
    breaks: 'cases: a day has no bound',
    file: 'Cases.sol',
    from: 'if (_counts[accused] != 0 && block.timestamp < again) revert ConvictedAlready(again);',
    to: '',
  },
  {
    breaks: 'votes: whoever was slashed and bonds again has its old vote at once',
    file: 'Staking.sol',
    from: 'if (cut.at > since && cut.left < vote) vote = cut.left;',
    to: '',
  },
  {
    breaks: 'models: a name is taken from its owner',
    file: 'ModelRegistry.sol',
    from: 'if (owner != address(0)) revert MakerTaken(maker, owner);',
    to: '',
  },
  {
    breaks: 'models: a name costs nothing',
    file: 'ModelRegistry.sol',
    from: 'token.safeTransferFrom(msg.sender, parameters.recipients().treasury, fee);',
    to: '',
  },
  {
    breaks: 'models: a name is announced in the block that claims it',
    file: 'ModelRegistry.sol',
    from: '_seals[msg.sender].blockNumber >= block.number',
    to: '_seals[msg.sender].blockNumber > block.number',
  },
  {
    breaks: "models: another one's announcement may be copied",
    file: 'ModelRegistry.sol',
    from: 'keccak256(abi.encode(account, maker, salt))',
    to: 'keccak256(abi.encode(maker, salt))',
  },
  {
    breaks: 'models: anybody speaks for a name',
    file: 'ModelRegistry.sol',
    from: 'if (owner != msg.sender) revert NotOwner(maker, owner);',
    to: '',
  },
  {
    breaks: 'models: anybody accepts an offer',
    file: 'ModelRegistry.sol',
    from: 'if (heirOf[maker] != msg.sender) revert NotOffered(maker, msg.sender);',
    to: '',
  },
  {
    breaks: 'models: an offer is accepted twice',
    file: 'ModelRegistry.sol',
    from: 'delete heirOf[maker];',
    to: '',
  },
  {
    breaks: 'models: new weights are in force without notice',
    file: 'ModelRegistry.sol',
    from: 'if (from < earliest) from = earliest;',
    to: '',
  },
  {
    breaks: 'models: a replaced announcement comes into force',
    file: 'ModelRegistry.sol',
    from: 'if (versions[versions.length - 1].from > block.timestamp) versions.pop();',
    to: '',
  },
  {
    breaks: 'models: a revocation waits for what is announced',
    file: 'ModelRegistry.sol',
    from: 'if (inForce) current.until = nowSeconds;',
    to: '',
  },
  {
    breaks: 'parameters: a network with money goes without delays',
    file: 'Parameters.sol',
    from: 'if (!hasAll && block.chainid != LOCAL_CHAIN) revert OutOfRange("delays");',
    to: '',
  },
  {
    breaks: 'cases: what is taken stays in the bond',
    file: 'Staking.sol',
    from: 'taken = _takeBond(validator, amount);',
    to: 'taken = amount;',
  },
  {
    breaks: 'models: the versions of a model have no bound',
    file: 'ModelRegistry.sol',
    from: 'if (versions.length == MAX_VERSIONS) revert TooManyVersions(MAX_VERSIONS);',
    to: '',
  },
  {
    breaks: 'routers: an account without a bond stands as one',
    file: 'Staking.sol',
    from: 'if (staked < limits.minimumRouterBond) revert InsufficientStake(staked, limits.minimumRouterBond);',
    to: '',
  },
  {
    breaks: 'routers: the bond leaves while it is one',
    file: 'Staking.sol',
    from: '(_isRouter(_routers[msg.sender]) ? limits.minimumRouterBond : 0)',
    to: '0',
  },
  {
    breaks: 'routers: it leaves at once',
    file: 'Staking.sol',
    from: 'theirs.until = uint64(block.timestamp) + limits.unbondingDelay;',
    to: 'theirs.until = uint64(block.timestamp);',
  },
  {
    breaks: 'routers: anybody retires one with a bond',
    file: 'Staking.sol',
    from: 'if (msg.sender != router && staked >= limits.minimumRouterBond) revert NotRouter(msg.sender);',
    to: '',
  },
  {
    breaks: 'routers: who has left comes back at once, and its older orders find no router',
    file: 'Staking.sol',
    from: 'if (block.timestamp < again) revert TooEarly(again);',
    to: '',
  },
  {
    breaks: 'routers: a new key starts its time anew',
    file: 'Staking.sol',
    from: '        if (!_isRouter(mine)) {\n            uint256 again',
    to: '        {\n            uint256 again',
  },
  {
    breaks: 'routers: without a key',
    file: 'Staking.sol',
    from: 'if (ticketKey == 0) revert ZeroTicketKey();',
    to: '',
  },
  {
    breaks: 'emission: who pays itself gets it all back',
    file: 'Emission.sol',
    from: 'uint256 public constant MAX_LAMBDA = 900_000;',
    to: 'uint256 public constant MAX_LAMBDA = 1_000_000;',
  },
  {
    breaks: 'emission: units are made up',
    file: 'Emission.sol',
    from: 'if (units > recycled) revert TooManyUnits(units, recycled);',
    to: '',
  },
  {
    breaks: 'emission: the schedule is no ceiling',
    file: 'Emission.sol',
    from: 'return (most < left ? most : left) * units / recycled;',
    to: 'return (left == 0 ? most : most) * units / recycled;',
  },
  {
    breaks: 'emission: what was given is given again',
    file: 'Emission.sol',
    from: 'allotted += budget;',
    to: '',
  },
  {
    breaks: 'emission: anybody tallies',
    file: 'Emission.sol',
    from: 'settlement.requireQuorum(allotmentDigest(number, until, root, units), quorum);',
    to: 'if (quorum.length > 99) revert NoPeriod(until);',
  },
  {
    breaks: 'emission: signatures serve for another tally',
    file: 'Emission.sol',
    from: 'abi.encode(ALLOTMENT_TYPEHASH, number, until, root, units)',
    to: 'abi.encode(ALLOTMENT_TYPEHASH, 0 * number, until, root, units)',
  },
  {
    breaks: 'emission: a period is tallied before it is over',
    file: 'Emission.sol',
    from: 'if (until > block.timestamp) revert NotOver(until);',
    to: '',
  },
  {
    breaks: 'emission: an account claims twice',
    file: 'Emission.sol',
    from: 'hasClaimed[number][account] = true;',
    to: '',
  },
  {
    breaks: 'emission: a root that lies is paid in full',
    file: 'Emission.sol',
    from: 'if (claimed > allotment.units) revert TooManyUnits(claimed, allotment.units);',
    to: '',
  },
  {
    breaks: 'emission: nobody needs a proof',
    file: 'Emission.sol',
    from: 'if (!MerkleProof.verifyCalldata(proof, allotment.root, leafOf(account, units))) revert NotInTally(number, account);',
    to: '',
  },
  {
    breaks: 'emission: what was recycled is forgotten',
    file: 'Settlement.sol',
    from: '_recycled.latest() + uint208(amount)',
    to: 'uint208(amount)',
  },
  {
    breaks: 'emission: an hour that is not over counts',
    file: 'Settlement.sol',
    from: 'return hour == 0 ? 0 : _recycled.upperLookupRecent(hour - 1);',
    to: 'return _recycled.upperLookupRecent(hour);',
  },
  {
    breaks: 'parameters: the license has no bound',
    file: 'Parameters.sol',
    from: 'if (next.license > MAX_LICENSE) revert LicenseTooHigh(next.license, MAX_LICENSE);',
    to: '',
  },
  {
    breaks: 'parameters: the license never ends',
    file: 'Parameters.sol',
    from: 'if (block.timestamp >= created + LICENSE_TERM) inForce.shares.license = 0;',
    to: '',
  },
  {
    breaks: "parameters: the treasury's share stays with whoever is named",
    file: 'Parameters.sol',
    from: 'if (block.timestamp >= created + TREASURY_TERM) inForce.recipients.treasury = vault;',
    to: '',
  },
  {
    breaks: 'token: more than the cap',
    file: 'OgongToken.sol',
    from: '_mint(genesis.emission, CAP - TEAM - FOUNDATION - LAUNCH - LISTING);',
    to: '_mint(genesis.emission, CAP);',
  },
  {
    breaks: 'routers: the least bond may be nothing',
    file: 'Parameters.sol',
    from: 'if (next.minimumRouterBond == 0 || next.minimumRouterBond > MAX_ROUTER_BOND) revert',
    to: 'if (next.minimumRouterBond > MAX_ROUTER_BOND) revert',
  },
  {
    breaks: 'beacon keys: no share has to be there',
    file: 'BeaconKeys.sol',
    from: 'if (!Bls12381.verify(key, abi.encodePacked("ogong-beacon-activation-v1\\n", digest), activation)) {',
    to: 'if (false) {',
  },
  {
    breaks: 'beacon keys: a quorum is not asked',
    file: 'BeaconKeys.sol',
    from: 'Quorum.check(staking, digest, quorum);',
    to: '',
  },
  {
    breaks: 'beacon keys: an era may be given another key',
    file: 'BeaconKeys.sol',
    from: 'if (keccak256(last.key) != keccak256(key)) revert OtherKey(generation);',
    to: '',
  },
  {
    breaks: 'beacon keys: infinity verifies',
    file: 'Bls12381.sol',
    from: 'if (_isZero(key) || _isZero(signature)) return false;',
    to: '',
  },
  {
    breaks: 'credits: what has lapsed can be deposited',
    file: 'Credits.sol',
    from: '        _lapseWallet(from);\n        uint256 live',
    to: '        uint256 live',
  },
  {
    breaks: "credits: anybody takes another's into the escrow",
    file: 'Credits.sol',
    from: 'if (msg.sender != settlement.escrow() || to != msg.sender)',
    to: 'if (to != settlement.escrow())',
  },
  {
    breaks: 'credits: free ones in the escrow never lapse',
    file: 'Escrow.sol',
    from: 'if (isCredit) free = ICredits(address(token)).lapse(msg.sender, free);',
    to: '',
  },
  {
    breaks: 'credits: a refund makes them young again',
    file: 'Credits.sol',
    from: '        _position[to] -= amount;\n',
    to: '',
  },
  {
    breaks: 'credits: consumed ones leave their backing',
    file: 'Credits.sol',
    from: 'backing -= burned;\n        totalSupply -= amount;',
    to: 'totalSupply -= amount;',
  },
  {
    breaks: 'prices: a minority of the feeds suffices',
    file: 'PriceOracle.sol',
    from: 'uint256 least = _feeds.length / 2 + 1;',
    to: 'uint256 least = 1;',
  },
  {
    breaks: 'prices: a feed counts twice',
    file: 'PriceOracle.sol',
    from: 'if (signers[j] == signer) revert QuotedTwice(signer);',
    to: '',
  },
  {
    breaks: 'prices: an older quote comes back',
    file: 'PriceOracle.sol',
    from: 'if (isOld || quote.time < quotedAt[asset][signer])',
    to: 'if (isOld)',
  },
  {
    breaks: 'prices: a jump counts at once',
    file: 'PriceOracle.sol',
    from: 'if (last.price != 0 && _differs(median, last.price, MAX_JUMP)) {',
    to: 'if (false) {',
  },
  {
    breaks: 'prices: one never ends',
    file: 'PriceOracle.sol',
    from: 'block.timestamp > last.time + maxAge || ',
    to: '',
  },
  {
    breaks: 'mint: elasticity leaves the dollars out',
    file: 'MintRule.sol',
    from: 'amount = (bought < work.burned ? bought : work.burned) * elasticity / PPM;',
    to: 'uint256 elastic = work.burned * elasticity / PPM;\n        amount = bought < elastic ? bought : elastic;',
  },
  {
    breaks: 'mint: an elasticity of 1.5 is admitted',
    file: 'MintRule.sol',
    from: 'uint256 public constant MAX_ELASTICITY = 950_000;',
    to: 'uint256 public constant MAX_ELASTICITY = 1_500_000;',
  },
  {
    breaks: "mint: an epoch has a whole year's ceiling",
    file: 'MintRule.sol',
    from: 'uint256 ceiling = work.supply * CEILING_PPM / PPM / EPOCHS_PER_YEAR;',
    to: 'uint256 ceiling = work.supply * CEILING_PPM / PPM;',
  },
  {
    breaks: 'mint: a payee claims twice',
    file: 'MintBurn.sol',
    from: 'dollarsOf[number][msg.sender] = 0;',
    to: '',
  },
  {
    breaks: 'mint: an epoch closes twice',
    file: 'MintBurn.sol',
    from: 'if (epoch.isClosed) revert ClosedAlready(number);',
    to: '',
  },
  {
    breaks: 'mint: a provider needs no stake',
    file: 'MintBurn.sol',
    from: 'if (stake < leastStake()) revert StakeTooSmall(stake, leastStake());',
    to: '',
  },
  {
    breaks: 'top-up: credits are worth more than what was burned',
    file: 'MintBurn.sol',
    from: 'issued = worth < burnedWorth ? worth : burnedWorth;',
    to: 'issued = worth;',
  },
  {
    breaks: 'payout: no limit of slippage',
    file: 'Payouts.sol',
    from: 'bound > least ? bound : least',
    to: 'least',
  },
  {
    breaks: 'cases: anybody takes stakes',
    file: 'Staking.sol',
    from: 'function takeStake(address account, uint128 amount) external nonReentrant returns (uint128 taken) {\n        if (msg.sender != cases) revert NotCases(msg.sender);',
    to: 'function takeStake(address account, uint128 amount) external nonReentrant returns (uint128 taken) {',
  },
  {
    breaks: 'cases: stake comes from nowhere',
    file: 'Staking.sol',
    from: 'token.safeTransferFrom(cases, address(this), amount);',
    to: '',
  },
  {
    breaks: 'cases: no quorum is asked',
    file: 'Cases.sol',
    from: 'Quorum.check(staking, convictionDigest(offence, accused, reporter, evidence, _counts[accused] + 1), quorum);',
    to: 'if (quorum.length > 99) revert NoCase(0);',
  },
  {
    breaks: 'cases: anybody says that something is proven',
    file: 'Cases.sol',
    from: 'if (msg.sender != address(equivocation)) revert NotEquivocation(msg.sender);',
    to: '',
  },
  {
    breaks: 'cases: one piece of evidence serves again',
    file: 'Cases.sol',
    from: 'isUsed[accused][evidence] = true;',
    to: '',
  },
  {
    breaks: 'cases: no panel is asked',
    file: 'Cases.sol',
    from: 'hearings.requireMajority(caseSubject(id), votes);',
    to: 'if (votes.length > 99) revert NoCase(id);',
  },
  {
    breaks: 'cases: one that was lifted is lifted again',
    file: 'Cases.sol',
    from: 'found.isOver = true;\n        emit CaseLifted',
    to: 'emit CaseLifted',
  },
  {
    breaks: 'cases: one is paid twice',
    file: 'Cases.sol',
    from: 'found.isOver = true;\n        uint256 toReporter',
    to: 'uint256 toReporter',
  },
  {
    breaks: 'cases: paid before the appeal is over',
    file: 'Cases.sol',
    from: 'if (block.timestamp < finalFrom) revert TooEarly(finalFrom);\n        found.isOver = true;',
    to: 'found.isOver = true;',
  },
  {
    breaks: 'cases: lifted after the appeal',
    file: 'Cases.sol',
    from: 'if (block.timestamp >= finalFrom) revert AppealOver(finalFrom);\n    }\n\n    function _case',
    to: '}\n\n    function _case',
  },
  {
    breaks: 'cases: whoever reports itself has it all back',
    file: 'Cases.sol',
    from: 'uint256 public constant MAX_REPORTER_PPM = 500_000;',
    to: 'uint256 public constant MAX_REPORTER_PPM = 1_000_001;',
  },
  {
    breaks: 'cases: silence costs nothing',
    file: 'Cases.sol',
    from: 'uint256 public constant MIN_REPORTER_PPM = 100_000;',
    to: 'uint256 public constant MIN_REPORTER_PPM = 0;',
  },
  {
    breaks: 'cases: a deposit comes back after the treasury has collected',
    file: 'Cases.sol',
    from: 'if (held.amount != 0 || block.timestamp >= _deposits[subject].until) {',
    to: 'if (held.amount != 0) {',
  },
  {
    breaks: 'cases: a deposit comes back without a panel',
    file: 'Cases.sol',
    from: 'if (ejection.since != 0) {\n            hearings.requireMajority(subject, votes);',
    to: 'if (ejection.since != 0) {',
  },
  {
    breaks: 'hearings: the accused has a seat',
    file: 'Hearings.sol',
    from: 'if (accounts[i] == accused || accounts[i] == reporter) votes[i] = 0;',
    to: '',
  },
  {
    breaks: 'hearings: a member has two seats',
    file: 'Hearings.sol',
    from: 'total -= votes[i];\n            votes[i] = 0;',
    to: '',
  },
  {
    breaks: 'hearings: strangers vote',
    file: 'Hearings.sol',
    from: 'revert NotOnPanel(account);',
    to: '',
  },
  {
    breaks: 'hearings: one vote counts twice',
    file: 'Hearings.sol',
    from: 'if (signer <= previous) revert UnsortedSigners(previous, signer);',
    to: '',
  },
  {
    breaks: 'hearings: half of the panel is enough',
    file: 'Hearings.sol',
    from: 'if (2 * signatures.length <= panel.length) revert',
    to: 'if (2 * signatures.length < panel.length) revert',
  },
  {
    breaks: 'hearings: the panel is known to whoever appeals',
    file: 'Hearings.sol',
    from: 'if (block.number <= from) revert TooEarly(from);',
    to: '',
  },
  {
    breaks: 'equivocation: what agrees convicts',
    file: 'Equivocation.sol',
    from: 'if (said == otherSaid) revert NoContradiction();',
    to: '',
  },
  {
    breaks: 'equivocation: statements about different things convict',
    file: 'Equivocation.sol',
    from: 'if (place != otherPlace) revert OtherPlace();',
    to: '',
  },
  {
    breaks: "equivocation: another one's signatures convict",
    file: 'Equivocation.sol',
    from: 'if (registry.accountAt(signer, statement.time) != accused) revert NotSignedFor(signer, accused);',
    to: '',
  },
  {
    breaks: "equivocation: statements in another one's name convict",
    file: 'Equivocation.sol',
    from: 'if (named != address(0) && named != accused) revert OtherAccused(named);',
    to: '',
  },
  {
    breaks: 'equivocation: a key of long ago convicts',
    file: 'Equivocation.sol',
    from: 'if (statement.time > block.timestamp || until < block.timestamp) revert',
    to: 'if (statement.time > block.timestamp || until == 0) revert',
  },
  {
    breaks: "equivocation: whoever sees a proof takes the reporter's share",
    file: 'Equivocation.sol',
    from: 'if (_seals[msg.sender].hash != seal || _seals[msg.sender].blockNumber >= block.number) revert NotAnnounced(seal);',
    to: '',
  },
  {
    breaks: 'equivocation: two epochs of one intake convict',
    file: 'Equivocation.sol',
    from: 'said = isIntake ? bytes32(members[64:96]) : keccak256(members[64:128]);',
    to: 'said = keccak256(members[64:128]);',
  },
  {
    breaks: 'appeals: anybody lifts an ejection',
    file: 'Settlement.sol',
    from: 'if (msg.sender != staking.cases()) Quorum.check(staking, reinstatementDigest(providerId, ejection.count), quorum);',
    to: '',
  },
  {
    breaks: 'government: a vote gives a way round later votes',
    file: 'Government.sol',
    from: 'if (address(this).code.length != 0) revert RolesAreFixed();',
    to: '',
  },
  {
    breaks: 'government: a vote cuts the wait',
    file: 'Government.sol',
    from: 'if (next < leastDelay || next > MAX_DELAY) revert OutOfRange("timelock");',
    to: '',
  },
  {
    breaks: 'government: a vote cuts the time for votes',
    file: 'Government.sol',
    from: 'if (next < leastVotingPeriod) revert OutOfRange("period");',
    to: '',
  },
  {
    breaks: 'government: a vote takes the quorum away',
    file: 'Government.sol',
    from: 'if (next < LEAST_QUORUM_BPS || next > MAX_QUORUM_BPS) revert OutOfRange("quorum");',
    to: '',
  },
  {
    breaks: 'guardian: anybody pauses',
    file: 'Parameters.sol',
    from: 'if (msg.sender != guardian) revert NotGuardian(msg.sender);',
    to: '',
  },
  {
    breaks: 'guardian: one pause follows another',
    file: 'Parameters.sol',
    from: 'if (block.timestamp < _nextPause) revert PausedLately(_nextPause);',
    to: '',
  },
  {
    breaks: 'guardian: deposits go on',
    file: 'Escrow.sol',
    from: 'parameters.requireEntry();',
    to: '',
  },
];

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'cache', 'mutant');
const hardhat = join(root, '../node_modules/hardhat/dist/src/cli.js');

/** Of sources that have changed: found before any test runs, since a run takes minutes. */
const stale = mutants.filter(
  ({ file, from }) => readFileSync(join(root, 'src', file), 'utf8').split(from).length !== 2,
);
if (stale.length > 0) {
  for (const { breaks, file } of stale)
    console.error(`${file} does not contain exactly once what is replaced: ${breaks}`);
  process.exit(1);
}

const words = process.argv.slice(2);
const files = words.filter((word) => word.endsWith('.sol'));

/** Runs the tests on the contracts with one replacement made. */
function runTests({ file, from, to }: Mutant): 'failed' | 'passed' | 'not compiled' {
  rmSync(join(folder, 'src'), { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const name of ['src', 'test', 'compiler.ts', 'hardhat.config.ts', 'package.json']) {
    cpSync(join(root, name), join(folder, name), { recursive: true });
  }
  const path = join(folder, 'src', file);
  const source = readFileSync(path, 'utf8');
  writeFileSync(path, source.replace(from, to));
  const { status, stdout } = spawnSync(process.execPath, [hardhat, 'test', 'solidity', ...files], {
    cwd: folder,
    encoding: 'utf8',
  });
  if (status === 0) return 'passed';
  return /\d+ failing/.test(stdout) ? 'failed' : 'not compiled';
}

const chosen = words.filter((word) => !word.endsWith('.sol')).map(Number);
let survivors = 0;
for (const [index, mutant] of mutants.entries()) {
  if (chosen.length > 0 && !chosen.includes(index)) continue;
  const result = runTests(mutant);
  if (result !== 'failed') survivors += 1;
  console.log(`${result === 'failed' ? 'caught' : `NOT CAUGHT (tests ${result})`}: ${mutant.breaks}`);
}
rmSync(folder, { recursive: true, force: true });
process.exitCode = survivors === 0 ? 0 : 1;
