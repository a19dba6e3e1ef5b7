// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The figures of one epoch.
struct EpochWork {
    /// Dollars (1e18) of the work that became final.
    uint256 dollars;
    /// Tokens that were burned for the credits of that work.
    uint256 burned;
    /// Dollars times 1e18 for one whole token.
    uint256 price;
    /// Tokens that there were when the first of it became final.
    uint256 supply;
    /// Tokens that were burned within ninety days.
    uint256 recentBurn;
}

/// How many tokens one epoch's work is paid with. A rule has no owner and no state.
interface IMintRule {
    function mintOf(EpochWork calldata work) external view returns (uint256);
    /// The most tokens that may have been burned for the work of one epoch, so that no bound of the epoch reduces its pay.
    function carriedAt(uint256 supply) external view returns (uint256);
}

// Epochs of 72 minutes in a year of 365.25 days.
uint256 constant EPOCHS_PER_YEAR = 7_305;
uint256 constant PPM = 1_000_000;
// Parts of the supply in a year, by the document.
uint256 constant CEILING_PPM = 50_000;
uint256 constant FLOOR_PPM = 5_000;

/// @title The rule without gain from self-payment
/// @notice Work is paid with the elasticity (at most 0.95) times a sum. It is the lesser of the tokens that its dollars buy and those
/// burned for it. An epoch's part of a yearly cap and of five hundredths of the supply limits it. The pay is always less than the burned
/// amount. So an account that pays itself in all roles loses, and the supply never grows. Yearly figures are divided by the epochs of a
/// year.
contract BoundedMint is IMintRule {
    uint256 public constant MAX_ELASTICITY = 950_000;
    /// Parts per million.
    uint256 public immutable elasticity;
    /// Tokens a year.
    uint256 public immutable yearlyCap;

    error OutOfRange(string parameter);

    constructor(uint256 elasticity_, uint256 yearlyCap_) {
        if (elasticity_ == 0 || elasticity_ > MAX_ELASTICITY) revert OutOfRange("elasticity");
        // An epoch that carries nothing would never pay anybody.
        if (yearlyCap_ < EPOCHS_PER_YEAR || yearlyCap_ > type(uint128).max) revert OutOfRange("yearlyCap");
        elasticity = elasticity_;
        yearlyCap = yearlyCap_;
    }

    /// @inheritdoc IMintRule
    function mintOf(EpochWork calldata work) external view returns (uint256 amount) {
        uint256 bought = work.dollars * 1e18 / work.price;
        amount = (bought < work.burned ? bought : work.burned) * elasticity / PPM;
        uint256 most = _mostAt(work.supply);
        if (amount > most) amount = most;
    }

    /// @inheritdoc IMintRule
    function carriedAt(uint256 supply) external view returns (uint256) {
        return _mostAt(supply) * PPM / elasticity;
    }

    /// @dev The most that one epoch may be paid with.
    function _mostAt(uint256 supply) private view returns (uint256) {
        uint256 cap = yearlyCap / EPOCHS_PER_YEAR;
        uint256 ceiling = supply * CEILING_PPM / PPM / EPOCHS_PER_YEAR;
        return cap < ceiling ? cap : ceiling;
    }
}

/// @title The rule as Orogen's document has it: NOT SAFE
/// @notice For the laboratory, which shows how it is farmed. An elasticity up to 1.5 pays a dealer more than it burned. Ninety days of
/// burning bound each epoch anew. Percentages of the supply are those of one epoch, and the floor comes last. No network that anybody's
/// money is in should name it.
contract DocumentMint is IMintRule {
    uint256 public constant MIN_ELASTICITY = 800_000;
    uint256 public constant MAX_ELASTICITY = 1_500_000;
    uint256 public immutable elasticity;
    uint256 public immutable yearlyCap;

    error OutOfRange(string parameter);

    constructor(uint256 elasticity_, uint256 yearlyCap_) {
        if (elasticity_ < MIN_ELASTICITY || elasticity_ > MAX_ELASTICITY) revert OutOfRange("elasticity");
        if (yearlyCap_ > type(uint128).max) revert OutOfRange("yearlyCap");
        elasticity = elasticity_;
        yearlyCap = yearlyCap_;
    }

    /// @inheritdoc IMintRule
    function mintOf(EpochWork calldata work) external view returns (uint256 amount) {
        amount = yearlyCap;
        uint256 elastic = work.recentBurn * elasticity / PPM;
        if (elastic < amount) amount = elastic;
        uint256 ceiling = work.supply * CEILING_PPM / PPM;
        if (ceiling < amount) amount = ceiling;
        uint256 floor = work.supply * FLOOR_PPM / PPM;
        if (floor > amount) amount = floor;
    }

    /// @inheritdoc IMintRule
    /// @dev Pay does not depend on the burned amount, so no work waits.
    function carriedAt(uint256) external pure returns (uint256) {
        return type(uint256).max;
    }
}
