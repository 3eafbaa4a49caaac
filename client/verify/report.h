// How a verdict about a bundle is shown.
#pragma once

#include <ostream>

#include "client/verify/bundle_check.h"

namespace keyledger::verify {

// For people.
void PrintReport(const BundleVerdict& verdict, std::ostream& out);
// One JSON object on one line: holds, bundle, standing, findings, report (fields as in audit.v1).
void PrintJsonReport(const BundleVerdict& verdict, std::ostream& out);

// The text with control characters replaced: what stands in a bundle is not to move anybody's cursor.
std::string Printable(std::string_view text);

}  // namespace keyledger::verify
