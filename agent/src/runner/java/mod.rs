//! JUnit and TestNG, by Maven Surefire or by Gradle.
//!
//! Neither can list without running. Both are run once with the JUnit Platform told to execute nothing; what an older engine
//! then runs after all counts as nothing but its name. The reports that they leave have the names and, after a real run, the
//! verdicts. Names are `<class>#<method>`, with parameters as the report has them.

mod gradle;
mod maven;
mod reports;
mod runner;
mod selection;

pub(crate) use gradle::GRADLE;
pub(crate) use maven::MAVEN;
pub use runner::JavaRunner;
