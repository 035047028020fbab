//! What the switch of a lan loses, by rules of nftables on its ports.

use std::cell::RefCell;

use super::lan::{Host, Lan};
use super::tools;

/// The rules of a switch.
#[derive(Debug)]
pub struct Switch {
    namespace: String,
    rules: RefCell<Vec<String>>,
}

/// Which way a host's packets go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From the host to all others.
    Out,
    /// From all others to the host.
    In,
}

impl Switch {
    /// The switch of a lan.
    #[must_use]
    pub fn of(lan: &Lan) -> Self {
        Self { namespace: lan.switch(), rules: RefCell::default() }
    }

    /// Loses every packet of a host that goes this way.
    pub fn cut(&self, host: &Host, way: Way) {
        self.add(format!("{} \"{}\" drop", way.word(), host.port()));
    }

    /// Loses every packet of a host.
    pub fn cut_off(&self, host: &Host) {
        self.cut(host, Way::Out);
        self.cut(host, Way::In);
    }

    /// Loses so many of a hundred packets from and to a host, by chance.
    pub fn lose(&self, host: &Host, percent: u32) {
        for way in [Way::Out, Way::In] {
            self.add(format!("{} \"{}\" numgen random mod 100 < {percent} drop", way.word(), host.port()));
        }
    }

    /// Is good to one host again.
    pub fn heal(&self, host: &Host) {
        let port = format!("\"{}\"", host.port());
        self.rules.borrow_mut().retain(|rule| !rule.contains(&port));
        self.write();
    }

    fn add(&self, rule: String) {
        self.rules.borrow_mut().push(rule);
        self.write();
    }

    fn write(&self) {
        let rules = self.rules.borrow().join("\n");
        let table = "table bridge fault";
        let text = format!(
            "{table}\ndelete {table}\n{table} {{\nchain forward {{\ntype filter hook forward priority 0\n{rules}\n}}\n}}\n"
        );
        tools::fed("ip", &["netns", "exec", &self.namespace, "nft", "-f", "-"], &text);
    }
}

impl Way {
    const fn word(self) -> &'static str {
        match self {
            Self::Out => "iifname",
            Self::In => "oifname",
        }
    }
}
