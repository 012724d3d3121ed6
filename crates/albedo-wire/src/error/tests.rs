use super::*;

#[test]
fn the_strongest_treatment_is_the_greatest() {
    let mut all = [
        Treatment::Reset,
        Treatment::Discard,
        Treatment::DisableFamily,
        Treatment::TreatAsWithdraw,
    ];
    all.sort_unstable();
    assert_eq!(
        all,
        [
            Treatment::Discard,
            Treatment::TreatAsWithdraw,
            Treatment::DisableFamily,
            Treatment::Reset
        ]
    );
}

#[test]
fn open_faults_have_the_subcodes_of_rfc_4271() {
    let rows = [
        (ErrorKind::Version { found: 5 }, (2, 1)),
        (ErrorKind::OptionalParameterType { found: 1 }, (2, 4)),
        (ErrorKind::OpenTruncated { needed: 2, found: 1 }, (2, 0)),
        (ErrorKind::CapabilityLength { code: 65, found: 3, expected: 4 }, (2, 0)),
        (ErrorKind::RouteRefreshLength { found: 7 }, (7, 1)),
    ];
    for (kind, expected) in rows {
        let sent = kind.notification();
        assert_eq!((sent.code, sent.subcode), expected, "{kind}");
        assert_eq!(kind.treatment(), Treatment::Reset);
    }
}
