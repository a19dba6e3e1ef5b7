// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {Recipients, Shares} from "./Types.sol";

/// @title Parameters of the network
/// @notice What governance may change, and the bounds that it cannot leave.
contract Parameters is Ownable2Step {
    uint256 public constant BASIS = 10_000;
    /// A provider keeps at least 80 % of every fee.
    uint256 public constant MAX_TOTAL_SHARES = 2_000;
    uint32 public constant MAX_ALPHA = 1_000_000;
    uint32 public constant MAX_DELAY = 60 days;
    uint128 public constant MAX_VALIDATOR_BOND = 50_000_000e18;

    struct Limits {
        /// Fraction of replies that are audited, in parts per million.
        uint32 alpha;
        /// Seconds between asking for reserved escrow back and getting it: the time validators have to settle.
        uint32 withdrawalDelay;
        /// Seconds that a leaving bond stays slashable.
        uint32 unbondingDelay;
        uint128 minimumValidatorBond;
    }

    /// The drift table that validators judge by (docs/spec/drift-table.md).
    struct DriftTable {
        /// SHA-256 of its canonical bytes; zero while the network names none.
        bytes32 hash;
        /// Rises with every change, a withdrawal included.
        uint64 version;
    }

    Shares private _shares;
    Recipients private _recipients;
    Limits private _limits;
    DriftTable private _driftTable;

    event SharesChanged(Shares shares);
    event RecipientsChanged(Recipients recipients);
    event LimitsChanged(Limits limits);
    event DriftTableChanged(DriftTable driftTable);

    error SharesTooHigh(uint256 total, uint256 maximum);
    error LicenseRaised(uint16 current, uint16 proposed);
    error OutOfRange(string parameter);
    error ZeroRecipient();
    error VersionNotNewer(uint64 current, uint64 proposed);

    constructor(address owner, Shares memory shares_, Recipients memory recipients_, Limits memory limits_) Ownable(owner) {
        _setShares(shares_);
        _setRecipients(recipients_);
        _setLimits(limits_);
    }

    /// @notice The license share can only fall; the others move freely below the common ceiling.
    function setShares(Shares calldata next) external onlyOwner {
        if (next.license > _shares.license) revert LicenseRaised(_shares.license, next.license);
        _setShares(next);
    }

    function setRecipients(Recipients calldata next) external onlyOwner {
        _setRecipients(next);
    }

    function setLimits(Limits calldata next) external onlyOwner {
        _setLimits(next);
    }

    /// @notice A hash of zero withdraws the table: validators go back to the fixed thresholds.
    function setDriftTable(DriftTable calldata next) external onlyOwner {
        // Two transactions under way at once cannot end with the older table.
        if (next.version <= _driftTable.version) revert VersionNotNewer(_driftTable.version, next.version);
        _driftTable = next;
        emit DriftTableChanged(next);
    }

    function shares() external view returns (Shares memory) {
        return _shares;
    }

    function recipients() external view returns (Recipients memory) {
        return _recipients;
    }

    function limits() external view returns (Limits memory) {
        return _limits;
    }

    function driftTable() external view returns (DriftTable memory) {
        return _driftTable;
    }

    function _setShares(Shares memory next) private {
        uint256 total = uint256(next.router) + next.validator + next.verification + next.treasury + next.license;
        if (total > MAX_TOTAL_SHARES) revert SharesTooHigh(total, MAX_TOTAL_SHARES);
        _shares = next;
        emit SharesChanged(next);
    }

    function _setRecipients(Recipients memory next) private {
        if (next.verification == address(0) || next.treasury == address(0) || next.license == address(0)) {
            revert ZeroRecipient();
        }
        _recipients = next;
        emit RecipientsChanged(next);
    }

    function _setLimits(Limits memory next) private {
        if (next.alpha > MAX_ALPHA) revert OutOfRange("alpha");
        if (next.withdrawalDelay > MAX_DELAY) revert OutOfRange("withdrawalDelay");
        if (next.unbondingDelay > MAX_DELAY) revert OutOfRange("unbondingDelay");
        // At zero, anyone could fill the validator list for nothing.
        if (next.minimumValidatorBond == 0 || next.minimumValidatorBond > MAX_VALIDATOR_BOND) {
            revert OutOfRange("minimumValidatorBond");
        }
        _limits = next;
        emit LimitsChanged(next);
    }
}
