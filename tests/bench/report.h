// Report: the figures of one run of the bench, as a table.
#pragma once

#include <string>
#include <vector>

namespace keyledger::bench {

// Ends the process with a message: a measurement that could not be made must not look like one.
[[noreturn]] void Fail(const std::string& message);

// What several repetitions of one measurement came to.
struct Spread {
  double median = 0;
  double min = 0;
  double max = 0;
};
// Requires: values is not empty.
Spread SpreadOf(std::vector<double> values);
// Requires: values is not empty.
double Percentile(std::vector<double> values, double percent);

// What the ratio should be.
enum class Target { kNone, kAtLeast, kAtMost };

// Collects rows and prints each as it comes.
class Report {
 public:
  // Prints a heading.
  void Section(const std::string& title) const;
  // A figure beside what it is measured against: value i of both comes from the same repetition. The ratio is that of
  // each pair.
  void Compare(const std::string& name, const std::string& unit, const std::vector<double>& ours,
               const std::string& against, const std::vector<double>& theirs, Target target, double bound);
  // A figure by itself.
  void Figure(const std::string& name, const std::string& unit, const std::vector<double>& values);
  // What is not a figure: conditions of a measurement.
  void Note(const std::string& text) const;

  // Names of figures that are not finite and above zero.
  const std::vector<std::string>& senseless() const { return senseless_; }
  int figures() const { return figures_; }

 private:
  void Check(const std::string& name, const std::vector<double>& values);

  std::vector<std::string> senseless_;
  int figures_ = 0;
};

}  // namespace keyledger::bench
