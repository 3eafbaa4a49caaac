// IFRS 15 (B39-B42, illustrative example 52): what of a price belongs to points, and how much of that is revenue.
// ASC 606 is the same model. Estimates, in floating point: never an input to a decision.
#pragma once

namespace keyledger::projections {

// A sale with points, or many of them together; money in any one unit.
struct PointsSale {
  // What was paid for goods and points together.
  double price = 0;
  // Stand-alone selling price of the goods. More than zero.
  double goods_standalone = 0;
  double points = 0;
  // Stand-alone value of a point that is redeemed.
  double value_per_point = 0;
  // Share of the points expected to be redeemed when they were given: 0 to 1.
  double redemption_rate = 0;
};

// What of the price belongs to the points: by relative stand-alone prices, the points' reduced to what is expected to
// be redeemed. IFRS 15.74, IE268.
inline double AllocatedToPoints(const PointsSale& sale) {
  const double points = sale.points * sale.value_per_point * sale.redemption_rate;
  return sale.price * points / (sale.goods_standalone + points);
}

// What of `allocated` is revenue once `redeemed` points are redeemed and `expected` are expected to be redeemed in all,
// the redeemed included: a share that is caught up whenever the expectation moves. IE269-IE270. Everything when nothing
// can be redeemed any more (`outstanding` is 0).
inline double RecognisedRevenue(double allocated, double redeemed, double expected, double outstanding) {
  if (outstanding <= 0) return allocated;
  return expected <= 0 ? 0 : allocated * redeemed / expected;
}

}  // namespace keyledger::projections
